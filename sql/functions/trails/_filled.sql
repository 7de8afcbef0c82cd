-- The parts of some holes for which instances of some runs wait: of each run and hole, from the
-- first to the last one.
--
-- Locks: none. Writes: nothing. Plan: instances_due_lately, two descents for each run and hole.
create function gendurable._filled(p_queue text, p_runs bigint[], p_holes tstzmultirange)
returns tstzmultirange
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
    return coalesce((
        select range_agg(tstzrange(f.at, l.at + interval '1 microsecond'))
        from unnest(p_runs) as r (nth)
        cross join unnest(p_holes) as h (hole)
        cross join lateral (
            select i.eligible_at as at from gendurable.instances as i
            where i.phase in ('scheduled', 'awaiting_signal') and i.eligible_at < 'infinity'
              and i.queue = p_queue and (i.lane & 1099511627775) = r.nth
              and i.eligible_at >= lower(h.hole) and i.eligible_at < upper(h.hole)
            order by i.queue, i.lane & 1099511627775, i.eligible_at
            limit 1
        ) as f
        cross join lateral (
            select i.eligible_at as at from gendurable.instances as i
            where i.phase in ('scheduled', 'awaiting_signal') and i.eligible_at < 'infinity'
              and i.queue = p_queue and (i.lane & 1099511627775) = r.nth
              and i.eligible_at >= lower(h.hole) and i.eligible_at < upper(h.hole)
            order by i.queue desc, i.lane & 1099511627775 desc, i.eligible_at desc
            limit 1
        ) as l), '{}');
end
$$;
comment on function gendurable._filled(text, bigint[], tstzmultirange)
    is 'The parts of some holes for which instances of some runs wait.';
