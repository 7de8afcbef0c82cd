-- Privileges. Nothing is granted to PUBLIC: the owner decides who may call what.

revoke all on schema gendurable from public;

do $$
declare
    v_function regprocedure;
begin
    -- PostgreSQL grants EXECUTE on every new function to PUBLIC. A loop, because REVOKE takes names, not a query.
    for v_function in
        select p.oid::regprocedure
        from pg_catalog.pg_proc as p
        where p.pronamespace = 'gendurable'::regnamespace
           or p.pronamespace = 'public'::regnamespace and p.proname like 'gd\_%'
    loop
        execute format('revoke all on function %s from public', v_function);
    end loop;
end
$$;
