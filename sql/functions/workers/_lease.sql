-- The current lease of a worker; no row if the worker is unknown.
--
-- Locks: none. Writes: nothing.
-- Plan:  leases_pkey backwards to the first visible entry, which is the first one at all: however
--        many older ones no VACUUM could remove, they are not looked at. It is inlined.
create function gendurable._lease(p_worker bigint) returns setof gendurable.leases
language sql stable
begin atomic
    select l.worker_id, l.seq, l.lease_until, l.heartbeat_at, l.claims_since, l.idle_queues
    from gendurable.leases as l
    where l.worker_id = p_worker
    order by l.worker_id desc, l.seq desc
    limit 1;
end;
comment on function gendurable._lease(bigint) is 'The current lease of a worker.';
