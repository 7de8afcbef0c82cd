-- Notes that a virtual partition is here from now on, or is not. It stays noted, whatever becomes
-- of the transaction: a sequence has none.
--
-- Two moves x one database: each notes its partition in the same number, one after the other.
-- Locks:  that number, until the transaction ends. Writes: a sequence.
-- Errors: GD002 this database is not one of many.
create function gendurable._change_partition(p_partition int, p_held boolean) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_bit bigint := 1::bigint << p_partition;
    v_own bigint;
begin
    perform pg_advisory_xact_lock(26476, 64);
    v_own := pg_sequence_last_value('gendurable.partitions');
    if v_own is null then
        perform gendurable._refuse(
            'GD002', format('database %s is not one of many', current_database()),
            'Install it as one: gendurable-py install --partitions none');
    end if;
    perform setval('gendurable.partitions',
                   case when p_held then v_own | v_bit else v_own & ~v_bit end);
end
$$;
comment on function gendurable._change_partition(int, boolean) is
    'Notes that a virtual partition is here from now on, or is not.';
