-- Grants again what roles were granted on public functions and views that an upgrade has created
-- anew. What a release has removed is granted to no role.
do $regrant$
declare
    v_grant record;
begin
    -- A loop, because GRANT takes names, not queries.
    for v_grant in
        select n.target, r.rolname as role, g.privilege, g.option
        from json_to_recordset(current_setting('gendurable.granted')::json)
            as g (kind text, name text, role oid, privilege text, option boolean)
        join pg_catalog.pg_roles as r on r.oid = g.role
        join (
            select 'function' as kind, p.proname::text as name,
                   'function ' || p.oid::regprocedure::text as target
            from pg_catalog.pg_proc as p where p.pronamespace = 'public'::regnamespace
            union all
            select 'view', c.relname, 'table ' || c.oid::regclass::text
            from pg_catalog.pg_class as c
            where c.relnamespace = 'public'::regnamespace and c.relkind = 'v'
        ) as n using (kind, name)
    loop
        execute format('grant %s on %s to %I%s', v_grant.privilege, v_grant.target, v_grant.role,
                       case when v_grant.option then ' with grant option' else '' end);
    end loop;
end
$regrant$;
