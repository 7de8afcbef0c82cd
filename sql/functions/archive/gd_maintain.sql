-- Everything that has to be done from time to time, one row a task. Safe to call from every worker
-- and from pg_cron. The archive is looked after by one call at a time; the others leave it out.
--
-- Retention is the setting gendurable.retention
-- (ALTER DATABASE ... SET gendurable.retention = '7 days'), one day without it; where that is none,
-- nothing is forgotten. Here whole partitions go, so that forgetting costs next to nothing: an
-- instance is forgotten up to six hours after its retention.
-- Locks:  never waiting: dead workers and their claims (gd_reap), due instances (gd_expire_awaits),
--         names of rate keys (_sweep_buckets), the maintenance of the archive and its partitions
--         (_lock_maintenance, _create_partitions, _empty_partitions, _drop_partitions).
-- Writes: as the functions it calls.
-- Errors: none; warning GD103 (see gendurable._retention).
create function public.gd_maintain() returns table (task text, affected bigint)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_cutoff    timestamptz;
    v_created   int;
    v_forgotten int;
begin
    return query select 'reap', public.gd_reap()::bigint;
    return query select 'expire_awaits', public.gd_expire_awaits()::bigint;
    return query select 'sweep', gendurable._sweep_slots()::bigint;

    -- A transaction that was left open with this lock must not keep a worker from being reaped,
    -- so it comes after.
    if gendurable._lock_maintenance() then
        v_created := gendurable._create_partitions();
        return query select 'create_partitions', v_created::bigint;
        -- Not both in one transaction: each holds locks of the archive until it ends. Whole
        -- partitions first; what is left of others row by row.
        v_cutoff := gendurable._partition_start(now() - gendurable._retention());
        if v_created = 0 and v_cutoff is not null then
            v_forgotten := gendurable._empty_partitions(v_cutoff);
            if v_forgotten = 0 then
                v_forgotten := gendurable._forget_finished(v_cutoff, 10000);
            end if;
            return query select 'gc', v_forgotten::bigint;
            return query select 'drop_partitions', gendurable._drop_partitions(v_cutoff)::bigint;
        end if;
    end if;
    return query select 'sweep_buckets', gendurable._sweep_buckets()::bigint;
end
$$;
comment on function public.gd_maintain()
    is 'Does all maintenance; answers each task and how much it did.';
