-- The id of a new instance: the next number, and in a database that is one of many the number of
-- its virtual partition in the lower six bits: the one that is asked for, else that of its key if
-- it is here, else any that is here. A child stays with its parent, wherever its own key belongs.
--
-- It is inlined, and what is looked at are the bits of a sequence's value: an instance of a batch
-- costs hardly more than in a database by itself.
--
-- Enqueue x a move of the partition: gendurable._depart says why the transaction has its number
-- before it looks what is here. CASE keeps that order.
-- Locks: none. Writes: a sequence.
-- Errors: GD002 the partition that a client asks for is not here.
create function gendurable._new_id(p_correlation_key text, p_concurrency_key text,
                                   p_rate_limit text, p_partition int default null,
                                   p_parent bigint default null)
returns bigint
language sql volatile
return case
    when pg_sequence_last_value('gendurable.partitions') is null
        then nextval('gendurable.instances_id_seq')
    when pg_current_xact_id() is null then null  -- it has one from here on
    when gendurable._holds_partition(
             coalesce((p_parent & 63)::int, p_partition, gendurable._partition(
                 coalesce(p_correlation_key, p_concurrency_key, p_rate_limit))))
        then nextval('gendurable.instances_id_seq') << 6
             | coalesce((p_parent & 63)::int, p_partition, gendurable._partition(
                   coalesce(p_correlation_key, p_concurrency_key, p_rate_limit)))
    when p_parent is not null
        -- It is leaving; the commit that creates the child gives way.
        then nextval('gendurable.instances_id_seq') << 6 | p_parent & 63
    else gendurable._partitioned_id(p_partition)
end;
comment on function gendurable._new_id(text, text, text, int, bigint) is
    'The id of a new instance.';
