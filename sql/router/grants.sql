-- Privileges, as data: the roles of the engine, on the calls that the router has.
do $$
declare
    v_function regprocedure;
    v_role     text;
    v_parent   text;
begin
    -- Loops, because REVOKE and GRANT take names, not queries.
    for v_role, v_parent in
        values ('gd_client', null), ('gd_worker', 'gd_client'), ('gd_admin', 'gd_worker')
    loop
        if not exists (select from pg_catalog.pg_roles as r where r.rolname = v_role) then
            execute format('create role %I nologin', v_role);
            if v_parent is not null then
                execute format('grant %I to %I', v_parent, v_role);
            end if;
        end if;
    end loop;
    for v_function, v_role in
        select p.oid::regprocedure,
               case when p.pronamespace = 'gendurable'::regnamespace
                         or p.proname in ('gd_place_partitions', 'gd_stop_partitions') then null
                    when p.proname in ('gd_enqueue', 'gd_enqueue_many', 'gd_signal',
                                       'gd_signal_many', 'gd_signals', 'gd_children', 'gd_status',
                                       'gd_history', 'gd_why', 'gd_tree', 'gd_watch', 'gd_find',
                                       'gd_lines', 'gd_stuck', 'gd_horizon', 'gd_doctor',
                                       'gd_next_occurrence', 'gd_version') then 'gd_client'
                    when p.proname = 'gd_schedule' then 'gd_worker'
                    else 'gd_admin' end
        from pg_catalog.pg_proc as p
        where p.pronamespace = 'gendurable'::regnamespace
           or p.pronamespace = 'public'::regnamespace and p.proname like 'gd\_%'
    loop
        execute format('revoke all on function %s from public', v_function);
        if v_role is not null then
            execute format('grant execute on function %s to %I', v_function, v_role);
        end if;
    end loop;
end
$$;

-- What the views call, they call with the rights of the role that looks.
grant usage on schema gendurable to gd_client;
grant execute on function gendurable._instances(), gendurable._limits(), gendurable._queues(),
    gendurable._schedules(), gendurable._stuck(), gendurable._throughput(), gendurable._workers()
to gd_client;
grant select on public.gd_instances, public.gd_limits, public.gd_queues, public.gd_schedules,
    public.gd_stuck, public.gd_throughput, public.gd_workers
to gd_client;
