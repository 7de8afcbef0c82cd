-- The virtual partitions that this database holds; null: it is not one of many, and all ids are its
-- own. They are the bits of a sequence's value, so that asking costs no look into a table.
--
-- Locks: none. Writes: nothing.
create function gendurable._own_partitions() returns int[]
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
    select case when count(s.own) > 0
                then coalesce(array_agg(p order by p) filter (where s.own >> p & 1 = 1), '{}') end
    from (select pg_sequence_last_value('gendurable.partitions') as own) as s
    cross join generate_series(0, 63) as p;
$$;
comment on function gendurable._own_partitions() is
    'The virtual partitions of this database; null: it is not one of many.';
