-- Revert gendurable:functions from pg
begin;
do $$
declare
    v_function regprocedure;
begin
    for v_function in
        select p.oid::regprocedure
        from pg_catalog.pg_proc as p
        where p.pronamespace = 'gendurable'::regnamespace
           or p.pronamespace = 'public'::regnamespace and p.proname like 'gd\_%'
    loop
        execute format('drop function %s', v_function);
    end loop;
end
$$;
commit;
