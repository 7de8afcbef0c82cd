-- From now on new instances of a virtual partition may be created here.
--
-- Locks: none. Writes: a sequence.
create function gendurable._hold_partition(p_partition int) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    perform setval('gendurable.partitions',
                   coalesce(pg_sequence_last_value('gendurable.partitions'), 0)
                   | (1::bigint << p_partition));
end
$$;
comment on function gendurable._hold_partition(int) is
    'From now on new instances of a virtual partition may be created here.';
