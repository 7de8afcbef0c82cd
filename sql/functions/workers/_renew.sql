-- Writes the next version of a worker's lease; what is null stays as it was. The caller holds the
-- worker's row FOR NO KEY UPDATE, and took it in a statement before: so of two that renew one lease
-- the second sees what the first wrote.
--
-- With an older snapshot than that (REPEATABLE READ) it is told 40001: the row that it would
-- replace is not the newest any more.
-- Locks: none but the row that it deletes. Writes: leases. Plan: leases_pkey.
create function gendurable._renew(p_worker bigint, p_until timestamptz default null,
                                  p_heartbeat_at timestamptz default null,
                                  p_idle_queues text[] default null,
                                  p_claims_since timestamptz default null)
returns void
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
    with previous as (
        delete from gendurable.leases as l
        where l.worker_id = p_worker
          and l.seq = (select n.seq from gendurable._lease(p_worker) as n)
        returning l.seq, l.lease_until, l.heartbeat_at, l.claims_since, l.idle_queues
    )
    insert into gendurable.leases as l
        (worker_id, seq, lease_until, heartbeat_at, claims_since, idle_queues)
    select p_worker, p.seq + 1, coalesce(p_until, p.lease_until),
           coalesce(p_heartbeat_at, p.heartbeat_at), coalesce(p_claims_since, p.claims_since),
           coalesce(p_idle_queues, p.idle_queues)
    from previous as p;
end
$$;
comment on function gendurable._renew(bigint, timestamptz, timestamptz, text[], timestamptz)
    is 'Writes the next version of a worker''s lease.';
