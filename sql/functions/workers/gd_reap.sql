-- Recovers the claims of dead workers: of those whose lease is over, of those that no longer exist,
-- or, with an id, of that one now, because the caller knows that it is dead.
--
-- commit x reap: both need the instance's lock and neither waits for it, so exactly one has it.
-- Either the commit applies and there is no claim left to release, or the claim is released and the
-- commit is stale.
-- heartbeat x reap: the worker's row decides; a worker whose heartbeat is in flight is skipped, one
-- that was reaped is told GD010 (gendurable._lock_lapsed).
-- Locks:  workers by id, never waiting; then claims by id, never waiting.
-- Writes: instances, workers, leases, machines, departed, incarnation.
-- Plan:   workers_pkey; as gendurable._lock_lapsed, gendurable._release_departed and
--         gendurable._claims.
create function public.gd_reap(worker bigint default null) returns int
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
begin
    if gendurable._is_open('public.gd_reap(bigint)') then
        perform gendurable._refuse_open();
    end if;
    if gd_reap.worker is not null then
        perform from gendurable.workers as w where w.id = gd_reap.worker for update skip locked;
        if not found
           and exists (select from gendurable.workers as w where w.id = gd_reap.worker) then
            return 0;   -- another transaction registers, reaps or picks for it
        end if;
        return gendurable._forget_workers(array[gd_reap.worker]);
    end if;

    return gendurable._release_departed()
           + gendurable._forget_workers(gendurable._lock_lapsed());
end
$$;
comment on function public.gd_reap(bigint)
    is 'Releases the claims of dead workers; answers how many.';
