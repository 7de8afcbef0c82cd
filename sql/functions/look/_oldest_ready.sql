-- Since when the oldest ready instance of a queue has been eligible, among its 1,000 most urgent
-- priorities.
--
-- Locks: none. Plan: instances_ready, walked priority by priority.
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
        with recursive head (priority, eligible_at, place) as (
            (select i.priority, i.eligible_at, 1 from gendurable.instances as i
             where i.phase = 'ready' and i.queue = p_queue
             order by i.queue, i.priority, i.eligible_at limit 1)
            union all
            select x.priority, x.eligible_at, h.place + 1
            from head as h
            cross join lateral (
                select i.priority, i.eligible_at from gendurable.instances as i
                where i.phase = 'ready' and i.queue = p_queue and i.priority > h.priority
                order by i.queue, i.priority, i.eligible_at limit 1
            ) as x
            where h.place < 1000
        )
        select min(h.eligible_at) from head as h);
end
$$;
comment on function gendurable._oldest_ready(text)
    is 'Since when the oldest ready instance of a queue has been eligible.';
