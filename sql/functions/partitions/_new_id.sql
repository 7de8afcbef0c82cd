-- The id of a new instance: the next number, and in a database that is one of many the number of
-- its virtual partition in the lower six bits (gendurable._partitioned_id).
--
-- Locks: none. Writes: a sequence.
create function gendurable._new_id(p_correlation_key text, p_concurrency_key text,
                                   p_rate_limit text, p_partition int default null,
                                   p_parent bigint default null)
returns bigint
language sql volatile
return case
    when pg_sequence_last_value('gendurable.partitions') is null
        then nextval('gendurable.instances_id_seq')
    else gendurable._partitioned_id(
             coalesce((p_parent & 63)::int, p_partition),
             p_partition is not null and p_parent is null,
             coalesce(p_correlation_key, p_concurrency_key, p_rate_limit))
end;
comment on function gendurable._new_id(text, text, text, int, bigint) is
    'The id of a new instance.';
