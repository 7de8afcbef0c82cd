-- Fires what is due of the schedules of all queues that a live worker picks from and that are not
-- paused; answers how many instances it has created. It is the floor under the picks.
--
-- Nothing in a transaction that does not see what others have just committed.
-- Locks:  the queues, shared (advisory), never waiting; as gendurable._fire_schedules.
-- Writes: as gendurable._fire_schedules.
-- Plan:   workers_pkey, all of it, and of each worker its lease.
create function gendurable._fire_all_schedules() returns int
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_up_since timestamptz := gendurable._up_since();
    v_queue    text;
    v_count    int := 0;
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        return 0;
    end if;
    -- A loop, because each queue is a look of its own.
    for v_queue in
        select distinct q.queue
        from gendurable.workers as w
        cross join lateral gendurable._lease(w.id) as l
        cross join lateral unnest(w.queues) as q (queue)
        where greatest(l.lease_until, v_up_since + w.lease) >= now()
        order by q.queue
    loop
        if not (gendurable._enter_queue(v_queue)).closed then
            v_count := v_count + gendurable._fire_schedules(v_queue);
        end if;
    end loop;
    return v_count;
end
$$;
comment on function gendurable._fire_all_schedules()
    is 'Fires what is due of the schedules of all queues that have a live worker.';
