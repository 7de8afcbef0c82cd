-- A worker leaves: everything it still holds becomes runnable, and it is forgotten. Unknown workers
-- are no error: they have already left.
--
-- Locks:  the worker's row, waiting for its own pick or heartbeat; then its claims by id
--         (see gendurable._release).
-- Writes: instances, workers, leases, machines, departed.
create function public.gd_unregister(worker bigint) returns int
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_released int;
begin
    if gendurable._is_open('public.gd_unregister(bigint)') then
        perform gendurable._refuse_open();
    end if;
    perform from gendurable.workers as w where w.id = gd_unregister.worker for update;
    if not found then
        return 0;
    end if;
    v_released := gendurable._release(array[gd_unregister.worker]);
    perform gendurable._delete_workers(array[gd_unregister.worker]);
    return v_released;
end
$$;
comment on function public.gd_unregister(bigint)
    is 'Releases everything a worker holds and forgets it; answers how many claims.';
