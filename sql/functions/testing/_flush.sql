-- For tests of applications (gendurable.contrib.django.test): everything is forgotten. Instances,
-- the archive, history, limits, schedules, settings and workers are as in a schema that was
-- installed just now; only ids go on from where they are.
--
-- Locks:  every table, exclusively, the instances first; it waits for the calls that have begun.
-- Writes: every table.
create function gendurable._flush() returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table name;
begin
    -- One by one: TRUNCATE takes no expression.
    for v_table in
        select c.relname
        from pg_catalog.pg_class as c
        where c.relnamespace = 'gendurable'::regnamespace
          and c.relkind in ('r', 'p') and not c.relispartition
        order by c.relname <> 'instances', c.relname
    loop
        execute format('truncate gendurable.%I', v_table);
    end loop;
end
$$;
comment on function gendurable._flush() is
    'For tests of applications: everything is forgotten.';
