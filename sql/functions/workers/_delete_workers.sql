-- Deletes workers and all that belongs to them but their claims, which may outlive them
-- (gendurable.departed). The caller holds their rows FOR
-- UPDATE, so that nothing is added meanwhile.
--
-- heartbeat x reap with a snapshot from before the heartbeat (REPEATABLE READ): the lease that it
-- shows was replaced, and cannot be deleted: 40001.
--
-- Locks: none but the rows that it deletes. Writes: workers, leases, machines, departed, doorbells.
-- Plan:  workers_pkey, leases_pkey (the newest entry of each), machines_pkey.
create function gendurable._delete_workers(p_workers bigint[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
    -- The last ones to declare a machine.
    v_last boolean := exists (
        select from gendurable.machines as m
        where m.worker_id = any (p_workers)
          and not exists (select from gendurable.machines as o
                          where o.fsm = m.fsm and o.version = m.version
                            and o.worker_id <> all (p_workers)));
begin
    with lease as (
        delete from gendurable.leases as l
        using unnest(p_workers) as w (id)
        where l.worker_id = w.id and l.seq = (select n.seq from gendurable._lease(w.id) as n)
        returning l.worker_id, l.claims_since
    ), worker as (
        delete from gendurable.workers as w where w.id = any (p_workers)
        returning w.id
    )
    insert into gendurable.departed as d (worker_id, claims_since)
    select w.id, coalesce(l.claims_since, '-infinity')
    from worker as w
    left join lease as l on l.worker_id = w.id;
    delete from gendurable.machines as m where m.worker_id = any (p_workers);
    perform gendurable._ring_rates();
    if v_last then
        -- What was offered a slot and cannot start any more keeps it from none.
        perform gendurable._ring_name('concurrency_limit', '');
    end if;
end
$$;
comment on function gendurable._delete_workers(bigint[])
    is 'Deletes workers and what belongs to them.';
