-- When the first schedule of a queue is due, of those that are not among the given rows; infinity:
-- none.
--
-- Locks: none. Writes: nothing.
-- Plan:  occurrences_due from the bound on, one descent; as gendurable._unseen_occurrences.
create function gendurable._schedule_due(p_queue text, p_bound gendurable.bound,
                                         p_but bigint[] default '{}')
returns timestamptz
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_sort = off
set jit = off
as $$
begin
    return least('infinity', (
        select o.due_at from gendurable.occurrences as o
        where o.queue = p_queue and o.due_at >= p_bound.none_before and o.id <> all (p_but)
        order by o.queue, o.due_at
        limit 1
    ), (
        select min(u.due_at) from gendurable._unseen_occurrences(p_queue, p_bound) as u
        where u.id <> all (p_but)
    ));
end
$$;
comment on function gendurable._schedule_due(text, gendurable.bound, bigint[])
    is 'When the first schedule of a queue is due.';
