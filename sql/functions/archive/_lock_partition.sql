-- Sees to it that no transaction writes to a partition of the archive whose window is over, until
-- this one ends; answers whether it could. Readers go on; writers have no business there.
--
-- Locks: the partition (share), NOWAIT.
create function gendurable._lock_partition(p_partition regclass) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    execute format('lock table %s in share mode nowait', p_partition);
    return true;
exception when lock_not_available then
    return false;
end
$$;
comment on function gendurable._lock_partition(regclass)
    is 'Keeps writers out of a partition of the archive; answers whether it could.';
