-- The id of a new instance in a database that is one of many. It belongs to the partition that is
-- asked for, else to that of its key if it is here, else to any that is here.
--
-- A child stays with its parent, wherever its own key belongs.
--
-- Enqueue x a move of the partition: gendurable._depart says why the transaction has its number
-- before it looks what is here.
-- Locks: none. Writes: a sequence.
-- Errors: GD002 the partition that a client asks for is not here.
create function gendurable._partitioned_id(p_partition int, p_asked boolean, p_key text)
returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_own       int[];
    v_number    bigint := nextval('gendurable.instances_id_seq');
    v_partition int    := coalesce(p_partition, gendurable._partition(p_key));
begin
    perform pg_current_xact_id();
    v_own := gendurable._own_partitions();
    if v_partition is null or v_partition <> all (v_own) then
        if p_asked or v_own = '{}' then
            perform gendurable._refuse(
                'GD002', format('partition %s is not in database %s', v_partition,
                                current_database()),
                'The router names the databases of the partitions: gd_place_partitions.');
        end if;
        if p_partition is null then
            v_partition := v_own[1 + v_number % cardinality(v_own)];
        end if;
    end if;
    return v_number << 6 | v_partition;
end
$$;
comment on function gendurable._partitioned_id(int, boolean, text) is
    'The id of a new instance in a database that is one of many.';
