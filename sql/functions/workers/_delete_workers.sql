-- Deletes workers and all that belongs to them but their claims, which may outlive them
-- (gendurable.departed). The caller holds their rows FOR UPDATE: nothing is added meanwhile.
--
-- heartbeat x reap with a snapshot from before the heartbeat (REPEATABLE READ): the lease that it
-- shows was replaced, and cannot be deleted: 40001.
--
-- Locks: none but the rows that it deletes. Writes: workers, leases, machines, departed, doorbells.
-- Plan:  workers_pkey, leases_pkey (the newest entry of each), machines_pkey; as
--        gendurable._ring_name.
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
begin
    if cardinality(p_workers) = 0 then
        return;
    end if;
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
    -- What was offered a slot or tokens and cannot start any more keeps them from none. Whether
    -- another worker can start it is not asked: of two that leave at once, each would count on the
    -- other.
    perform gendurable._ring_rates();
    perform gendurable._ring_name('concurrency_limit', '');
end
$$;
comment on function gendurable._delete_workers(bigint[])
    is 'Deletes workers and what belongs to them.';
