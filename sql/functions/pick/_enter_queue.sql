-- Enters a queue: whether it hands nothing out (`closed`: it is paused or its limit is 0, or either
-- is being changed at this moment), whether it has a limit (`counted`), whether it has schedules,
-- and which of its kinds a worker can run.
--
-- pause x pick: gd_pause takes the queue's lock exclusively, so it waits for what is being handed
-- out and nothing is handed out after it.
-- All of it is read in one statement: to begin one costs more than what it reads.
-- Locks: the queue, shared (advisory, until the transaction ends), never waiting. Writes: nothing.
-- Plan:  queues_pkey; occurrences_bound, the newest entry, or dead ones would be read where there
--        is none; as gendurable._kinds.
create function gendurable._enter_queue(p_queue text, p_worker bigint default null,
                                        out closed boolean, out counted boolean,
                                        out scheduled boolean, out kinds int[])
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
begin
    if not pg_try_advisory_xact_lock_shared(26469, hashtext(p_queue)) then
        perform gendurable._look_again();    -- the change may be undone
        closed := true;
        return;
    end if;
    -- A statement of its own, younger than the lock.
    select (q.paused or q.max_executing = 0) is true, q.max_executing is not null,
           (select o.id from gendurable.occurrences as o
            where o.queue = p_queue
            order by o.queue desc, o.id desc
            limit 1) is not null,
           array(select k.id from gendurable._kinds(p_worker, p_queue) as k (id))
    into closed, counted, scheduled, kinds
    from (select) as one
    left join gendurable.queues as q on q.name = p_queue;
end
$$;
comment on function gendurable._enter_queue(text, bigint)
    is 'Whether a queue hands anything out, and what a pick has to know of it.';
