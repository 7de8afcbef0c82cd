-- Drops what an upgrade creates anew: functions, views and statistics. What users were granted on
-- them is noted in the setting gendurable.granted, for upgrades/regrant.sql.
--
-- The instances are locked before anything else: the calls that have begun are over then, and
-- those that come wait. Nothing that a call could need is held while this lock is waited for. But
-- while a step waits for another table, a call may hold that table and wait for the instances. So
-- such a lock is given up before the server looks for deadlocks, which it could find in that call.
--
-- Locks:  gendurable.instances, exclusively.
-- Errors: 55P03 it could not be had within lock_timeout.
do $drop$
declare
    v_owner name := (select r.rolname
                     from pg_catalog.pg_namespace as n
                     join pg_catalog.pg_roles as r on r.oid = n.nspowner
                     where n.nspname = 'gendurable');
    v_upgraded json := current_setting('gendurable.upgraded');
    v_deadlock interval;
    v_oids     oid[];
    v_names    text;
begin
    -- The functions run with the rights of their owner, which are not to become those of the role
    -- that upgrades.
    perform set_config('role', v_owner, true);

    lock table gendurable.instances in access exclusive mode;
    v_deadlock := current_setting('deadlock_timeout');
    perform set_config('lock_timeout', (extract(epoch from v_deadlock) * 250)::int::text, true);

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
