-- Privileges, as data. Nothing is granted to PUBLIC. Public functions are SECURITY DEFINER with a
-- pinned search_path, so no role needs a table. They are closed until this has been run
-- (gendurable._is_open). It may be run again, and mends what a restored dump has lost.
--
--     gd_client   enqueue, signal, look
--     gd_worker   gd_client, and what a worker calls; it may declare schedules
--     gd_admin    gd_worker, and control: cancel, retry, pause, limits, schedules, gc
--
-- The roles belong to the cluster, not to this database: they are created if they are missing and
-- the installer may, and stay when the schema goes.

revoke all on schema gendurable from public;

do $$
declare
    v_function regprocedure;
    v_role     text;
    v_parent   text;
    v_missing  text[] := '{}';
    v_granted  text;
begin
    -- PostgreSQL grants EXECUTE on every new function to PUBLIC. Loops, because REVOKE and GRANT
    -- take names, not queries.
    for v_function in
        select p.oid::regprocedure
        from pg_catalog.pg_proc as p
        where p.pronamespace = 'gendurable'::regnamespace
           or p.pronamespace = 'public'::regnamespace and p.proname like 'gd\_%'
    loop
        execute format('revoke all on function %s from public', v_function);
    end loop;

    for v_role, v_parent in
        values ('gd_client', null), ('gd_worker', 'gd_client'), ('gd_admin', 'gd_worker')
    loop
        begin
            if not exists (select from pg_catalog.pg_roles as r where r.rolname = v_role) then
                execute format('create role %I nologin', v_role);
                if v_parent is not null then
                    execute format('grant %I to %I', v_parent, v_role);
                end if;
            end if;
        exception
            when insufficient_privilege then
                v_missing := v_missing || v_role;
            when duplicate_object or unique_violation then
                null;   -- an installation into another database of the cluster was first
        end;
    end loop;
    if cardinality(v_missing) > 0 then
        raise warning using
            message = format('gendurable: roles not created, and nothing granted to them: %s',
                             array_to_string(v_missing, ', ')),
            detail = format('%I may not create roles.', current_user),
            hint = 'Only the owner can call the engine. Create the roles and run '
                   'sql/grants.sql again, or grant by hand.';
    end if;

    for v_role, v_granted in
        select r.role, f.name
        from (values
            ('gd_client',
             '{gd_enqueue,gd_enqueue_many,gd_signal,gd_signal_many,gd_status,gd_version,'
             'gd_signals,gd_children,gd_history,gd_find,gd_why,gd_stuck,gd_tree,gd_lines,'
             'gd_horizon,gd_doctor,gd_watch,gd_next_occurrence,gd_here}'::text[]),
            ('gd_worker',
             '{gd_register,gd_heartbeat,gd_pick,gd_commit,gd_release,gd_unregister,gd_next_due,'
             'gd_reap,gd_expire_awaits,gd_maintain,gd_report,'
             'gd_schedule,gd_declare_schedules,gd_declare,gd_machines}'),
            ('gd_admin',
             '{gd_cancel,gd_retry,gd_pause,gd_resume,gd_set_rate_limit,gd_set_concurrency_limit,'
             'gd_drop_rate_limit,gd_drop_concurrency_limit,gd_set_queue_limit,gd_set_retention,'
             'gd_gc,'
             'gd_set_history,gd_cancel_many,gd_retry_many,'
             'gd_unschedule,gd_pause_schedule,gd_resume_schedule}')
        ) as r (role, names)
        cross join lateral unnest(r.names) as f (name)
        where exists (select from pg_catalog.pg_roles as x where x.rolname = r.role)
    loop
        for v_function in
            select p.oid::regprocedure from pg_catalog.pg_proc as p
            where p.pronamespace = 'public'::regnamespace and p.proname = v_granted
        loop
            execute format('grant execute on function %s to %I', v_function, v_role);
        end loop;
    end loop;

    if exists (select from pg_catalog.pg_roles as r where r.rolname = 'gd_client') then
        grant select on
            public.gd_instances, public.gd_queues, public.gd_workers,
            public.gd_limits, public.gd_stuck, public.gd_throughput,
            public.gd_schedules
        to gd_client;
        -- What the views call, they call with the rights of the role that looks.
        grant execute on function
            gendurable._status(gendurable.phase), gendurable._depths(int), gendurable._usage(int),
            gendurable._stuck(int), gendurable._most_counted(),
            gendurable._up_since(), gendurable._lease_until(bigint),
            gendurable._executing(bigint),
            public.gd_next_due(text),
            gendurable._policy(text), gendurable._max_executing(int),
            gendurable._tokens(float8, timestamptz, float8, interval, float8, timestamptz)
        to gd_client;
    end if;
end
$$;
