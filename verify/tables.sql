-- Verify gendurable:tables on pg
begin;
select id, fence, phase, state from gendurable.instances where false;
select id, finished_at, result, error from gendurable.archive where false;
select finished, failed from gendurable.retention where false;
select task, position from gendurable.progress where false;
select id, instance_id, name, payload, presented from gendurable.signals where false;
select instance_id, dedup_key from gendurable.dedup_keys where false;
select key, instance_id from gendurable.correlation_keys where false;
select id, name, lease_until, idle_queues from gendurable.workers where false;
select since from gendurable.incarnation where false;
select key from gendurable.doorbells where false;
select name, paused from gendurable.queues where false;
select name, allowed, period, burst from gendurable.rate_limits where false;
select key, tokens, refilled_at, due_at from gendurable.buckets where false;
select name, max_executing from gendurable.concurrency_limits where false;
select name, cron, state, paused from gendurable.schedules where false;
select schedule, queue, due_at, none_before from gendurable.occurrences where false;
rollback;
