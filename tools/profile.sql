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
