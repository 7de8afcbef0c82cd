-- Drops the calls and the views of a router. Its places stay.
do $drop$
declare
    v_names text;
begin
    if to_regclass('gendurable.places') is null then
        raise exception using errcode = 'GD020',
            message = 'gendurable: the schema cannot be upgraded',
            detail = format('database %s is not a router', current_database()),
            hint = 'Install one: gendurable-py install --router';
    end if;
    -- EXECUTE, because DROP takes names. Views first: they are made of functions.
    select string_agg(c.oid::regclass::text, ', ') into v_names
    from pg_catalog.pg_class as c
    where c.relkind = 'v' and c.relnamespace = 'public'::regnamespace
      and c.relname in ('gd_instances', 'gd_limits', 'gd_queues', 'gd_schedules', 'gd_stuck',
                        'gd_throughput', 'gd_workers');
    if v_names is not null then
        execute 'drop view ' || v_names;
    end if;
    -- A function of a user that is called gd_ as well does not call what is private here.
    select string_agg(p.oid::regprocedure::text, ', ') into v_names
    from pg_catalog.pg_proc as p
    where p.pronamespace = 'gendurable'::regnamespace
       or p.pronamespace = 'public'::regnamespace and p.proname like 'gd\_%' and p.prokind = 'f'
          and (p.proname in ('gd_place_partitions', 'gd_stop_partitions')
               or pg_get_functiondef(p.oid) ~ 'cluster ''gendurable''|\mgendurable\._');
    if v_names is not null then
        execute 'drop function ' || v_names;
    end if;
end
$drop$;
