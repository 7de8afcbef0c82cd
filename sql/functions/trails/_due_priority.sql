-- The most urgent priority among what was scheduled in a queue, of some kinds, and is due, as far
-- as the first hundred of each stretch go; null if nothing is.
--
-- Locks: none. Writes: nothing.
-- Plan:  as gendurable._stretches; instances_due and instances_due_lately, one descent for each.
create function gendurable._due_priority(p_queue text, p_kinds int[], p_now timestamptz)
returns int
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
    return (
        select min(d.priority)
        from unnest(gendurable._stretches(p_queue)) as s
        cross join lateral (
            (select i.priority, i.phase, i.lane from gendurable.instances as i
             where s.run is null
               and i.phase in ('scheduled', 'awaiting_signal') and i.eligible_at < 'infinity'
               and i.queue = p_queue and i.eligible_at >= s.from_at and i.eligible_at < s.until_at
               and i.eligible_at <= p_now
             order by i.queue, i.eligible_at
             limit 100)
            union all
            (select i.priority, i.phase, i.lane from gendurable.instances as i
             where s.run is not null
               and i.phase in ('scheduled', 'awaiting_signal') and i.eligible_at < 'infinity'
               and i.queue = p_queue and (i.lane & 1099511627775) = s.run
               and i.eligible_at <= p_now
             order by i.queue, i.lane & 1099511627775, i.eligible_at
             limit 100)
        ) as d
        where d.phase = 'scheduled' and (d.lane >> 40)::int = any (p_kinds));
end
$$;
comment on function gendurable._due_priority(text, int[], timestamptz)
    is 'The most urgent priority among what was scheduled and is due.';
