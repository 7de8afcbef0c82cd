-- Whether a pick has something to answer: for tokens (a doorbell, or a bucket that is due), for
-- slots. Where there is something for tokens it does not look for slots: that comes afterwards.
--
-- Locks: none. Writes: nothing.
-- Plan:  limit_trails_pkey; doorbells_run, buckets_due from where the trail says.
create function gendurable._announced(p_now timestamptz, out tokens boolean, out slots boolean)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_trail gendurable.limit_trails;
begin
    select t.* into v_trail
    from gendurable.limit_trails as t
    where t.xmin = t.xid::xid
    order by t.seq desc
    limit 1;
    if (v_trail.pending <> '{}' or v_trail.runs <> '{}' or v_trail.ringing <> '{}') is not true then
        -- In most calls, with a third of what it costs to begin the other.
        select t.tokens,
               not t.tokens
               and exists (select from gendurable.doorbells as d
                           where d.kind in ('slot', 'concurrency_limit')
                             and d.run >= coalesce(v_trail.bound, 0))
        into tokens, slots
        from (select exists (select from gendurable.doorbells as d
                             where d.kind in ('tokens', 'rate_limit')
                               and d.run >= coalesce(v_trail.bound, 0))
                     or exists (select from gendurable.buckets as b
                                where b.due_at >= coalesce(v_trail.due_floor, '-infinity')
                                  and b.due_at <= p_now) as tokens
              offset 0) as t;
    else
        select t.tokens,
               not t.tokens
               and (exists (select from gendurable.doorbells as d
                            where d.kind in ('slot', 'concurrency_limit') and d.run >= t.bound)
                    or exists (select from gendurable.doorbells as d
                               where d.kind in ('slot', 'concurrency_limit')
                                 and d.run = any (t.runs)))
        into tokens, slots
        from (select f.bound, f.runs,
                     exists (select from gendurable.doorbells as d
                             where d.kind in ('tokens', 'rate_limit') and d.run >= f.bound)
                     or exists (select from gendurable.doorbells as d
                                where d.kind in ('tokens', 'rate_limit')
                                  and d.run = any (f.runs))
                     or exists (select from gendurable.buckets as b
                                where b.due_at >= f.due and b.due_at <= p_now) as tokens
              from (select x.* from gendurable._limit_floors() as x offset 0) as f
              offset 0) as t;
    end if;
end
$$;
comment on function gendurable._announced(timestamptz)
    is 'Whether a pick has doorbells to answer, for tokens or for slots.';
