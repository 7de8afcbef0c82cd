-- What plpgsql_check's profiler counted in this database, as CSV, one row per statement of each function.
copy (
    select f.oid, f.oid::regprocedure, s.stmtid, s.parent_stmtid, s.parent_note, s.lineno, s.stmtname,
        coalesce(s.exec_stmts, 0)
    from pg_catalog.pg_proc as f
    join pg_catalog.pg_language as l on l.oid = f.prolang and l.lanname = 'plpgsql'
    join pg_catalog.pg_namespace as n on n.oid = f.pronamespace
    cross join lateral plpgsql_profiler_function_statements_tb(f.oid) as s
    where n.nspname = 'gendurable' or n.nspname = 'public' and f.proname like 'gd\_%'
    order by f.oid, s.stmtid
) to stdout with (format csv);

-- The profiler has room for 15,000 pieces of all databases of a cluster (the setting cannot be changed where plpgsql is
-- preloaded), and without room for one more a session keeps the profiler's lock, for which all others then wait.
do $$
begin
    perform plpgsql_profiler_reset(f.oid)
    from pg_catalog.pg_proc as f
    join pg_catalog.pg_language as l on l.oid = f.prolang and l.lanname = 'plpgsql'
    where f.oid >= 16384;
end
$$;
