-- Since when the oldest ready instance of a queue has been eligible, among its 1,000 most urgent
-- priorities.
--
-- Locks: none. Plan: as gendurable._places; then instances_ready, walked priority by priority.
create function gendurable._oldest_ready(p_queue text) returns timestamptz
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
begin
    return (
        with recursive head (lane, priority, eligible_at, nth) as (
            select h.lane, h.priority, h.at, 1
            from unnest(gendurable._heads(gendurable._places(array(
                select k.id from gendurable.kinds as k where k.queue = p_queue)))) as h
            union all
            select h.lane, x.priority, x.eligible_at, h.nth + 1
            from head as h
            cross join lateral (
                select i.priority, i.eligible_at from gendurable.instances as i
                where i.phase = 'ready' and i.lane = h.lane and i.priority > h.priority
                order by i.lane, i.priority, i.eligible_at limit 1
            ) as x
            where h.nth < 1000
        )
        select min(h.eligible_at) from head as h);
end
$$;
comment on function gendurable._oldest_ready(text)
    is 'Since when the oldest ready instance of a queue has been eligible.';
