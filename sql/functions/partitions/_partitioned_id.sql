-- The id of a new instance in a database that is one of many, in any of the partitions that are
-- here. gendurable._new_id asks for it where the partition of the key is not; one that is asked for
-- has to be here.
--
-- Locks: none. Writes: a sequence.
-- Errors: GD002 the partition that a client asks for is not here.
create function gendurable._partitioned_id(p_partition int) returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_own       bigint := pg_sequence_last_value('gendurable.partitions');
    v_partition int;
begin
    if p_partition is not null or v_own = 0 then
        perform gendurable._refuse(
            'GD002', format('partition %s is not in database %s', p_partition,
                            current_database()),
            'The router names the databases of the partitions: gd_place_partitions.');
    end if;
    -- By chance: a few draws cost less than to list what is here.
    loop
        v_partition := floor(random() * 64)::int;
        exit when v_own >> v_partition & 1 = 1;
    end loop;
    return nextval('gendurable.instances_id_seq') << 6 | v_partition;
end
$$;
comment on function gendurable._partitioned_id(int) is
    'The id of a new instance in any of the partitions that are here.';
