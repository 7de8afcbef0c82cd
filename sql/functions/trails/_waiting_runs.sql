-- The runs of a queue, from one on and before another one, in which instances wait for a moment.
--
-- Locks: none. Writes: nothing. Plan: instances_due_lately, one descent for each run.
create function gendurable._waiting_runs(p_queue text, p_from bigint, p_before bigint)
returns bigint[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
begin
    return array(
        with recursive run (nth) as (
            (select i.lane & 1099511627775 from gendurable.instances as i
             where i.phase in ('scheduled', 'awaiting_signal') and i.eligible_at < 'infinity'
               and i.queue = p_queue
               and (i.lane & 1099511627775) >= p_from and (i.lane & 1099511627775) < p_before
             order by i.queue, i.lane & 1099511627775
             limit 1)
            union all
            select n.nth
            from run as r
            cross join lateral (
                select i.lane & 1099511627775 as nth from gendurable.instances as i
                where i.phase in ('scheduled', 'awaiting_signal') and i.eligible_at < 'infinity'
                  and i.queue = p_queue
                  and (i.lane & 1099511627775) > r.nth and (i.lane & 1099511627775) < p_before
                order by i.queue, i.lane & 1099511627775
                limit 1
            ) as n
        )
        select r.nth from run as r);
end
$$;
comment on function gendurable._waiting_runs(text, bigint, bigint)
    is 'The runs of a queue in which instances wait for a moment.';
