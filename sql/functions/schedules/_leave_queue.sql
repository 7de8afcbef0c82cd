-- Takes a schedule's row of occurrences out of its queue.
--
-- Where it is the newest of the queue it is replaced by one that says when others are due and
-- stands for no schedule, so that a look does not go back to what an older row said. The next
-- firing in the queue takes that away.
-- Locks:  the caller holds the row.
-- Writes: occurrences. Plan: occurrences_bound, one descent; occurrences_pkey.
create function gendurable._leave_queue(p_row gendurable.occurrences) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_bound gendurable.bound := gendurable._due_bound(p_row.queue);
    v_gone  bigint := p_row.id;
begin
    if v_bound.id = p_row.id then
        p_row.schedule := null;
        p_row.due_at := 'infinity';
        perform gendurable._turn_over(p_row.queue, v_bound, array[p_row], array[v_gone]);
    else
        delete from gendurable.occurrences as o where o.id = v_gone;
    end if;
end
$$;
comment on function gendurable._leave_queue(gendurable.occurrences)
    is 'Takes the row of occurrences of a schedule out of its queue.';
