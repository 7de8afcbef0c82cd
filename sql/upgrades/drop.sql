-- Drops what an upgrade creates anew: functions, views and statistics. What users were granted on
-- them is noted in the setting gendurable.granted, for upgrades/regrant.sql.
--
-- All tables of the engine are locked before anything else. So the calls that have begun are over,
-- and no lock is waited for later, while others are held.
--
-- Locks:  every table of the engine, exclusively.
-- Errors: 55P03 one of them could not be had within lock_timeout.
do $drop$
declare
    v_owner name := (select r.rolname
                     from pg_catalog.pg_namespace as n
                     join pg_catalog.pg_roles as r on r.oid = n.nspowner
                     where n.nspname = 'gendurable');
    v_upgraded json := current_setting('gendurable.upgraded');
    v_oids     oid[];
    v_names    text;
begin
    -- The functions run with the rights of their owner, which are not to become those of the role
    -- that upgrades.
    perform set_config('role', v_owner, true);

    select string_agg(c.oid::regclass::text, ', ' order by c.relname) into v_names
    from pg_catalog.pg_class as c
    where c.relnamespace = 'gendurable'::regnamespace and c.relkind in ('r', 'p');
    execute format('lock table %s in access exclusive mode', v_names);

    v_oids := array(select o.value::oid
                    from json_array_elements_text(v_upgraded -> 'functions') as o
                    union
                    select o.value::oid
                    from json_array_elements_text(v_upgraded -> 'views') as o);
    perform set_config('gendurable.granted', coalesce(
        (select json_agg(json_build_object('name', g.name, 'object', g.object, 'role', a.grantee,
                                           'privilege', a.privilege_type,
                                           'option', a.is_grantable))
         from (select p.pronamespace as place, p.proname as name,
                      'function ' || p.oid::regprocedure::text as object, p.proowner as owner,
                      p.proacl as acl
               from pg_catalog.pg_proc as p where p.oid = any (v_oids)
               union all
               select c.relnamespace, c.relname, 'table ' || c.oid::regclass::text, c.relowner,
                      c.relacl
               from pg_catalog.pg_class as c where c.oid = any (v_oids)) as g
         cross join lateral aclexplode(g.acl) as a
         where a.grantee not in (g.owner, 0) and g.place = 'public'::regnamespace)::text, '[]'),
        true);

    select string_agg(s.oid::regclass::text, ', ') into v_names
    from json_array_elements_text(v_upgraded -> 'views') as o
    join pg_catalog.pg_class as s on s.oid = o.value::oid;
    if v_names is not null then
        execute format('drop view %s', v_names);
    end if;
    select string_agg(format('%I.%I', 'gendurable', s.stxname), ', ') into v_names
    from json_array_elements_text(v_upgraded -> 'statistics') as o
    join pg_catalog.pg_statistic_ext as s on s.oid = o.value::oid;
    if v_names is not null then
        execute format('drop statistics %s', v_names);
    end if;
    -- All in one statement, because some depend on others.
    select string_agg(p.oid::regprocedure::text, ', ') into v_names
    from json_array_elements_text(v_upgraded -> 'functions') as o
    join pg_catalog.pg_proc as p on p.oid = o.value::oid;
    execute format('drop function %s', v_names);
end
$drop$;
