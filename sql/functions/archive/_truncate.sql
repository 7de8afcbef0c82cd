-- Empties partitions of the archive, all at once; answers whether it could. Nothing in them is
-- needed any more, as the caller has seen while no transaction could write to them.
--
-- Locks:  the partitions (access exclusive), NOWAIT: what another transaction reads is emptied
--         another time.
-- Writes: finished.
create function gendurable._truncate(p_partitions text[]) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if cardinality(p_partitions) > 0 then
        execute format('lock table %s in access exclusive mode nowait',
                       array_to_string(p_partitions, ', '));
        execute format('truncate %s', array_to_string(p_partitions, ', '));
    end if;
    return true;
exception when lock_not_available then
    return false;
end
$$;
comment on function gendurable._truncate(text[])
    is 'Empties partitions of the archive; answers whether it could.';
