-- Notes whether a worker's latest pick of a queue came back short, and renews its lease if asked
-- to.
--
-- A row that the worker's own heartbeat is writing is left alone: a heartbeat renews as well, and
-- the next pick marks.
-- Locks:  the worker's row, never waiting. Writes: workers. Plan: workers_pkey.
create function gendurable._mark_worker(p_worker bigint, p_queue text, p_idle boolean,
                                        p_renew boolean)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
begin
    update gendurable.workers as w
    set lease_until = case when p_renew then clock_timestamp() + w.lease else w.lease_until end,
        idle_queues = array_remove(w.idle_queues, p_queue)
                      || case when p_idle then array[p_queue] else '{}' end
    from (select l.id from gendurable.workers as l
          where l.id = p_worker
          for no key update skip locked) as free
    where w.id = free.id;
end
$$;
comment on function gendurable._mark_worker(bigint, text, boolean, boolean)
    is 'Notes whether a worker is idle in a queue, and renews its lease.';
