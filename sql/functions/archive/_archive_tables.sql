-- The tables that hold finished instances, in the order in which they are looked through: the
-- partitions, the newest first, and gendurable.kept, to which rows move from there.
--
-- Locks: none. Writes: nothing. Plan: pg_inherits by parent.
create function gendurable._archive_tables() returns regclass[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return array(select c.oid::regclass
                 from pg_inherits as h
                 join pg_class as c on c.oid = h.inhrelid
                 where h.inhparent = 'gendurable.finished'::regclass
                   -- not what is to come
                   and (c.relname !~ '^finished_[0-9]'
                        or c.relname <= gendurable._partition_name(now() + interval '1 minute'))
                 order by c.relname desc)
           || 'gendurable.kept'::regclass;
end
$$;
comment on function gendurable._archive_tables()
    is 'The tables that hold finished instances, the newest first.';
