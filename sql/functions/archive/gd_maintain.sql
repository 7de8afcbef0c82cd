-- Everything that has to be done from time to time, one row a task. Safe to call from every worker
-- and from pg_cron. The archive is looked after by one call at a time; the others leave it out.
--
-- Works in slices of some 100 ms, so that no time limit of the caller undoes it and no heartbeat on
-- the same connection waits for it: a row `more` says that some is left, call again. Dead workers
-- are reaped first.
-- Retention is what gd_set_retention says. Here whole partitions go, so that forgetting costs next
-- to nothing: an instance is forgotten up to one window of the archive after its retention.
-- Locks:  never waiting: dead workers and their claims (gd_reap), due instances
--         (gd_expire_awaits), due schedules (_fire_all_schedules), what is left of rounds that are
--         over (_dismiss_rest), names of rate keys (_sweep_buckets), the maintenance of the archive
--         and its partitions (_lock_maintenance, _create_partitions, _collect, _collect_history,
--         _drop_partitions), what workers have reported (_sift_reports, _compact_throughput),
--         tables of which the planner knows nothing (_renew_statistics).
-- Writes: as the functions it calls.
create function public.gd_maintain() returns table (task text, affected bigint)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_until     timestamptz := clock_timestamp() + interval '100 ms';
    v_due       record;
    v_dismissed int;
    v_created   int;
    v_collected record;
    v_cutoff    timestamptz;
    v_more      boolean;
begin
    if gendurable._is_open('public.gd_maintain()') then
        perform gendurable._refuse_open();
    end if;
    return query select 'reap', public.gd_reap()::bigint;
    select e.woken, e.more into v_due from gendurable._expire_awaits(v_until) as e;
    v_more := v_due.more;
    return query select 'expire_awaits', v_due.woken::bigint;
    return query select 'fire_schedules', gendurable._fire_all_schedules()::bigint;
    return query select 'sweep', gendurable._sweep_slots()::bigint;
    v_dismissed := gendurable._dismiss_rest();
    v_more := v_more or v_dismissed > 0;
    return query select 'dismiss', v_dismissed::bigint;

    -- A transaction that was left open with this lock must not keep a worker from being reaped,
    -- so it comes after.
    if gendurable._lock_maintenance() then
        v_more := gendurable._sift_reports() or v_more;
        v_more := gendurable._compact_throughput() or v_more;
        perform gendurable._sweep_busy_floors(), gendurable._sweep_key_trails('slot'),
                gendurable._sweep_key_trails('tokens'), gendurable._renew_statistics();
        -- The first window begins soon, so that the default partitions stay small.
        v_created := gendurable._create_partitions('gendurable.finished',
                                                   now() + interval '2 minutes');
        return query select 'create_partitions', v_created::bigint;
        v_created := v_created + gendurable._create_partitions('gendurable.history',
                                                               now() + interval '2 minutes');
        -- Not both in one transaction: each holds locks of the archive until it ends.
        if v_created = 0 then
            select c.forgotten, c.more into v_collected from gendurable._collect(v_until) as c;
            v_more := v_more or v_collected.more;
            return query select 'gc', v_collected.forgotten::bigint;
            select c.finished into v_cutoff from gendurable._cutoffs() as c;
            v_more := gendurable._collect_history(v_cutoff) or v_more;
            return query
            select 'drop_partitions', gendurable._drop_partitions(v_cutoff)::bigint;
            perform gendurable._drop_partitions(v_cutoff, 'gendurable.history');
        end if;
    end if;
    return query select 'sweep_buckets', gendurable._sweep_buckets()::bigint;
    if v_more then
        return query select 'more', 1::bigint;
    end if;
end
$$;
comment on function public.gd_maintain()
    is 'Does a slice of all maintenance; answers each task and how much it did.';
