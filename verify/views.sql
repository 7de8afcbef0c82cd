-- Verify gendurable:views on pg
begin;
select id, status, finished_at from public.gd_instances where false;
select queue, depth, next_due from public.gd_queues where false;
select id, alive, executing from public.gd_workers where false;
select kind, name, waiting from public.gd_limits where false;
select id, reason, since from public.gd_stuck where false;
select name, next_at, fired from public.gd_schedules where false;
select minute, kind, count from public.gd_throughput where false;
rollback;
