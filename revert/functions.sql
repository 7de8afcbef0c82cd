-- Revert gendurable:functions from pg
begin;
do $$
begin
    -- All in one statement, because some depend on others.
    execute (
        select 'drop function ' || string_agg(p.oid::regprocedure::text, ', ')
        from pg_catalog.pg_proc as p
        where p.pronamespace = 'gendurable'::regnamespace
           or p.pronamespace = 'public'::regnamespace and p.proname like 'gd\_%');
end
$$;
commit;
