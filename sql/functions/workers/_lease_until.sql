-- When the lease of a worker ends, for the views: they are planned with the settings of the role
-- that looks, by which a look at the newest version might read all that there were.
--
-- Locks: none. Writes: nothing. Plan: leases_pkey.
create function gendurable._lease_until(p_worker bigint) returns timestamptz
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
begin
    return (select l.lease_until from gendurable._lease(p_worker) as l);
end
$$;
comment on function gendurable._lease_until(bigint) is 'When the lease of a worker ends.';
