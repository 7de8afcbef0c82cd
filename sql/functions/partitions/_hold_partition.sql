-- From now on new instances of a virtual partition may be created here.
--
-- Locks:  as gendurable._change_partition. Writes: a sequence.
-- Errors: GD002 this database is not one of many.
create function gendurable._hold_partition(p_partition int) returns void
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
    select gendurable._change_partition(p_partition, true);
$$;
comment on function gendurable._hold_partition(int) is
    'From now on new instances of a virtual partition may be created here.';
