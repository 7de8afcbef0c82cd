-- Notes whether a worker's latest pick of a queue came back short, and renews its lease if asked
-- to.
--
-- A lease that the worker's own heartbeat is writing is left alone: a heartbeat renews as well, and
-- the next pick marks, soon.
-- Locks:  the worker's row, never waiting. Writes: leases. Plan: workers_pkey, leases_pkey.
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
declare
    v_lease interval;
begin
    select w.lease into v_lease
    from gendurable.workers as w
    where w.id = p_worker
    for no key update skip locked;
    if found then
        perform gendurable._renew(
            p_worker,
            p_until => case when p_renew then clock_timestamp() + v_lease end,
            p_idle_queues => (
                select array_remove(l.idle_queues, p_queue)
                       || case when p_idle then array[p_queue] else '{}' end
                from gendurable._lease(p_worker) as l));
    elsif p_idle then
        perform gendurable._look_again();
    end if;
end
$$;
comment on function gendurable._mark_worker(bigint, text, boolean, boolean)
    is 'Notes whether a worker is idle in a queue, and renews its lease.';
