-- Releases everything that these workers hold, because they are dead, and forgets them. The caller
-- holds their rows FOR UPDATE.
--
-- A commit of such a worker that comes later finds that the claim is no longer its own and is
-- stale. One that is in flight holds the instance's lock: that claim is skipped here, and is either
-- finished by its commit or found by the next reaper (gendurable._release_departed).
-- Locks:  instances by id (see gendurable._release).
-- Writes: instances, workers, leases, machines, departed.
create function gendurable._forget_workers(p_workers bigint[]) returns int
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_released int;
begin
    if cardinality(p_workers) = 0 then
        return 0;
    end if;
    v_released := gendurable._release(p_workers, p_lost => 'the worker died');
    perform gendurable._delete_workers(p_workers);
    return v_released;
end
$$;
comment on function gendurable._forget_workers(bigint[])
    is 'Releases the claims of dead workers and forgets them.';
