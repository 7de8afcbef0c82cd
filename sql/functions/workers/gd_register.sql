-- Registers a worker and frees what earlier workers of the same name left behind when their lease
-- is over.
--
-- A live twin (two containers may share a name) keeps its lease and so its claims.
-- Locks:  the dead namesakes in workers, skipping those that another transaction reaps (see
--         gendurable._lock_lapsed); then their claims (see gendurable._forget_workers).
-- Writes: workers, leases, machines, versions, departed, instances, incarnation, doorbells.
-- Errors: GD001 name missing; GD002 a lease of zero or less, a name or queue that is too long,
--         info that is no object, info.machines that is no list of machines.
create function public.gd_register(
    name   text,
    queues text[]   default '{default}',
    lease  interval default '60 s',
    info   jsonb    default '{}'
) returns bigint
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_queues   text[]      := coalesce(gd_register.queues, '{default}');
    v_lease    interval    := coalesce(gd_register.lease, '60 s');
    v_info     jsonb       := coalesce(nullif(gd_register.info, 'null'), '{}');
    v_machines jsonb       := nullif(v_info -> 'machines', 'null');
    v_now      timestamptz;
    v_worker   bigint;
begin
    if gendurable._is_open('public.gd_register(text,text[],interval,jsonb)') then
        perform gendurable._refuse_open();
    end if;
    perform gendurable._check_name('name', gd_register.name);
    if v_lease <= '0' or v_lease > '1 year' then
        perform gendurable._refuse(
            'GD002', format('lease is %s', v_lease),
            'A lease is longer than zero and at most a year; 60 s suits most.');
    elsif exists (select from unnest(v_queues) as q
                  where coalesce(q, '') = '' or gendurable._too_long(q)) then
        perform gendurable._refuse(
            'GD002',
            format('%s: %s', gendurable._too_long_problem('one of queues'),
                   left(v_queues::text, 100)),
            'Name each queue, and use shorter names.');
    elsif jsonb_typeof(v_info) <> 'object' then
        perform gendurable._refuse(
            'GD002', format('info is of JSON type %s', jsonb_typeof(v_info)),
            'What a worker says of itself is a JSON object.');
    end if;
    perform gendurable._check_machines(v_machines);

    perform gendurable._forget_workers(gendurable._lock_lapsed(gd_register.name));

    v_now := clock_timestamp();
    insert into gendurable.workers as w
        (name, queues, lease, registered_at, declares, info)
    values
        (gd_register.name, v_queues, v_lease, v_now, v_machines is not null, v_info)
    returning w.id into v_worker;
    insert into gendurable.leases as l (worker_id, seq, lease_until)
    values (v_worker, 1, v_now + v_lease);
    if v_machines is not null then
        perform gendurable._declare(v_worker, v_machines);
    end if;
    perform gendurable._ring_rates();
    return v_worker;
end
$$;
comment on function public.gd_register(text, text[], interval, jsonb)
    is 'Registers a worker; answers its id, which is never reused.';
