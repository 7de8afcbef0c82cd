-- What the writer of a bound could not see of the schedules of its queue.
--
-- Locks: none. Writes: nothing.
-- Plan:  occurrences_written, a descent, and one for each transaction that was open then. Each is
--        ordered as that index is, or another one that begins with the queue would do as well, and
--        read all of it.
create function gendurable._unseen_occurrences(p_queue text, p_bound gendurable.bound)
returns table (id bigint, due_at timestamptz)
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
    return query
    select o.id, o.due_at from gendurable.occurrences as o
    where o.queue = p_queue and o.written_by >= p_bound.unseen_from
    order by o.queue, o.written_by;
    if p_bound.unseen <> '{}' then
        return query
        select w.id, w.due_at
        from unnest(p_bound.unseen) as x (xid)
        cross join lateral (
            select o.id, o.due_at from gendurable.occurrences as o
            where o.queue = p_queue and o.written_by >= x.xid and o.written_by <= x.xid
            order by o.queue, o.written_by
        ) as w;
    end if;
end
$$;
comment on function gendurable._unseen_occurrences(text, gendurable.bound)
    is 'What the writer of a bound could not see of the schedules of its queue.';
