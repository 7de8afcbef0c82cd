-- Grants again what roles were granted on public functions and views that an upgrade has created
-- anew. What has other arguments than before is granted by its name, and what is gone to no role.
do $regrant$
declare
    v_grant record;
begin
    -- A loop, because GRANT takes names, not queries.
    for v_grant in
        with object as (
            select p.proname::text as name, 'function ' || p.oid::regprocedure::text as object
            from pg_catalog.pg_proc as p where p.pronamespace = 'public'::regnamespace
            union all
            select c.relname, 'table ' || c.oid::regclass::text
            from pg_catalog.pg_class as c
            where c.relnamespace = 'public'::regnamespace and c.relkind = 'v'
        )
        select o.object, r.rolname as role, g.privilege, g.option
        from json_to_recordset(current_setting('gendurable.granted')::json)
            as g (name text, object text, role oid, privilege text, option boolean)
        join pg_catalog.pg_roles as r on r.oid = g.role
        join object as o using (name)
        where o.object = g.object
           or not exists (select from object as same where same.object = g.object)
    loop
        execute format('grant %s on %s to %I%s', v_grant.privilege, v_grant.object, v_grant.role,
                       case when v_grant.option then ' with grant option' else '' end);
    end loop;
end
$regrant$;
