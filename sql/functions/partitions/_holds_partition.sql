-- Whether new instances of a virtual partition may be created here.
--
-- Locks: none. Writes: nothing.
create function gendurable._holds_partition(p_partition int) returns boolean
language sql volatile
return coalesce(pg_sequence_last_value('gendurable.partitions') >> p_partition & 1 = 1, false);
comment on function gendurable._holds_partition(int) is
    'Whether new instances of a virtual partition may be created here.';
