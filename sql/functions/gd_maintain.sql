-- Everything that has to be done from time to time, one row a task. Safe to call from every worker and from pg_cron: one call at a time does
-- the work, the others return nothing at once.
--
-- Retention is the setting gendurable.retention (ALTER DATABASE … SET gendurable.retention = '7 days'), one day without it. Here whole
-- partitions go, so that forgetting costs next to nothing: an instance is forgotten up to six hours after its retention.
-- Locks:  as the functions it calls; never waiting. Writes: as they do.
-- Errors: GD002 gendurable.retention is no interval, or negative.
create function public.gd_maintain() returns table (task text, affected bigint)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_cutoff timestamptz;
begin
    if not gendurable._lock_maintenance() then
        return;
    end if;
    v_cutoff := gendurable._window(now() - gendurable._retention());

    return query select 'reap', public.gd_reap()::bigint;
    return query select 'expire_awaits', public.gd_expire_awaits()::bigint;
    return query select 'sweep', gendurable._sweep()::bigint;
    return query select 'sweep_buckets', gendurable._sweep_buckets()::bigint;
    return query select 'create_partitions', gendurable._create_partitions()::bigint;
    -- Last, because it may hold the archive's exclusive lock until the transaction ends.
    return query select 'gc', gendurable._collect(v_cutoff, 10000)::bigint;
end
$$;
comment on function public.gd_maintain() is 'Does all maintenance; answers each task and how much it did.';
