-- How much a worker holds, for the views: they are planned with the settings of the role that
-- looks.
--
-- Locks: none. Writes: nothing. Plan: as gendurable._claims.
create function gendurable._executing(p_worker bigint) returns bigint
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
begin
    return (select count(*) from gendurable._claims(array[p_worker]) as c);
end
$$;
comment on function gendurable._executing(bigint) is 'How much a worker holds.';
