-- Makes this database one of many: it holds these virtual partitions (or none yet), and the ids of
-- its instances say from now on which of them an instance belongs to. Called with others later, it
-- holds those.
--
-- A sequence has no transactions: what is set stays, whatever becomes of the transaction.
--
-- Locks: none. Writes: a sequence.
-- Errors: GD002 a partition that is none; there are instances whose ids say nothing.
create function gendurable._set_partitions(p_partitions int[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if not p_partitions <@ array(select generate_series(0, 63)) then
        perform gendurable._refuse('GD002', 'partitions are ' || p_partitions::text,
                                   'Name numbers from 0 to 63.');
    end if;
    if pg_sequence_last_value('gendurable.partitions') is null
       and pg_sequence_last_value('gendurable.instances_id_seq') is not null then
        perform gendurable._refuse(
            'GD002', 'there have been instances, whose ids name no partition',
            'Partition a new database, before its first instance.');
    end if;
    perform setval('gendurable.partitions', coalesce((select bit_or(1::bigint << p)
                                                      from unnest(p_partitions) as p), 0));
end
$$;
comment on function gendurable._set_partitions(int[]) is
    'Makes this database one of many, with these virtual partitions.';
