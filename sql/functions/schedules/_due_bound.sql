-- What is known of when schedules of a queue are due: none before `none_before`, but for those of
-- the transactions that the writer of this could not see.
--
-- A row that came with a dump, or by replication, was written by another transaction than it says,
-- and what it says of transactions means nothing here: then nothing is known. (So it is after a
-- firing within a subtransaction. The next pick finds it out anew.) An id of null: the queue has no
-- schedule.
-- Locks: none. Writes: nothing. Plan: occurrences_bound, one descent.
create function gendurable._due_bound(p_queue text) returns gendurable.bound
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
declare
    v_bound gendurable.bound;
    v_valid boolean;
begin
    select o.id, o.none_before, o.unseen_from, o.unseen, o.xmin = o.written_by::xid
    into v_bound.id, v_bound.none_before, v_bound.unseen_from, v_bound.unseen, v_valid
    from gendurable.occurrences as o
    where o.queue = p_queue
    order by o.queue desc, o.id desc
    limit 1;
    if v_valid is not true then
        v_bound.none_before := '-infinity';
        v_bound.unseen_from := null;
        v_bound.unseen := null;
    end if;
    return v_bound;
end
$$;
comment on function gendurable._due_bound(text)
    is 'What is known of when schedules of a queue are due.';
