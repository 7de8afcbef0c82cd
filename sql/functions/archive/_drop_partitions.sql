-- Drops the partitions of the archive, or of the history, that are empty and end before the
-- cut-off, and those to come whose window is longer than the retention asks for since it was
-- shortened; answers how many.
--
-- drop x a long reader x a commit: an exclusive lock that waits behind a long SELECT makes every
-- commit wait behind it. So the locks are taken only if they are free at once, and this is
-- the last thing that a maintenance transaction does. Partitions that it cannot drop are empty:
-- they cost no space, and it tries again. (No instance finishes into a window to come; a minute is
-- more than any finishing statement takes.)
-- Locks:  the table, its default partition and the partitions (access exclusive), NOWAIT.
-- Writes: the partitions.
create function gendurable._drop_partitions(
    p_cutoff timestamptz, p_table regclass default 'gendurable.finished') returns int
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_name  regclass;
    v_used  boolean;
    v_empty text[] := array[]::text[];
begin
    for v_name in
        select w.partition from gendurable._windows(p_table) as w
        where w.upper <= p_cutoff
           or w.lower > now() + interval '1 minute'
              and w.upper - w.lower > gendurable._window_length()
    loop
        execute format('select exists (select from %s)', v_name) into v_used;
        if not v_used then
            v_empty := v_empty || v_name::text;
        end if;
    end loop;
    if cardinality(v_empty) > 0 then
        execute format(
            'lock table only %s, gendurable.%I, %s in access exclusive mode nowait', p_table,
            (select c.relname || '_default' from pg_class as c where c.oid = p_table),
            array_to_string(v_empty, ', '));
        execute format('drop table %s', array_to_string(v_empty, ', '));
    end if;
    return cardinality(v_empty);
exception when lock_not_available then
    return 0;
end
$$;
comment on function gendurable._drop_partitions(timestamptz, regclass)
    is 'Drops empty partitions that are old or too long; answers how many.';
