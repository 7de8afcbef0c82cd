-- Locks the workers whose lease is over, of one name or of any, and answers them.
--
-- heartbeat x reap: what renews a lease holds the worker's row. So the leases are looked at
-- again, in a statement that begins with the row in hand: one that was renewed between the first
-- look and the lock is none of these. An older snapshot (REPEATABLE READ) does not show that; then
-- the worker cannot be deleted, because its lease was replaced (40001, gendurable._delete_workers).
-- The server was down or cut off: no worker could renew its lease, so all are given one more lease
-- from the moment at which it was up again (gendurable._up_since).
-- Locks:  workers by id, never waiting. Writes: incarnation.
-- Plan:   workers_pkey, all of it, and of each worker its lease (leases_pkey).
create function gendurable._lock_lapsed(p_name text default null) returns bigint[]
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
    v_up_since timestamptz;
    v_locked   bigint[];
begin
    perform gendurable._note_start();
    v_up_since := gendurable._up_since();
    v_locked := array(
        select w.id
        from gendurable.workers as w
        left join lateral gendurable._lease(w.id) as l on true
        where (p_name is null or w.name = p_name)
          and greatest(l.lease_until, v_up_since + w.lease) < clock_timestamp()
        order by w.id
        for update of w skip locked);
    if v_locked = '{}' then
        return v_locked;
    end if;
    return array(
        select w.id
        from gendurable.workers as w
        left join lateral gendurable._lease(w.id) as l on true
        where w.id = any (v_locked)
          and greatest(l.lease_until, v_up_since + w.lease) < clock_timestamp()
        order by w.id);
end
$$;
comment on function gendurable._lock_lapsed(text) is 'Locks the workers whose lease is over.';
