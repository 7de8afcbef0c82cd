-- Revert gendurable:views from pg
begin;
drop statistics gendurable.instances_by_queue, gendurable.instances_by_key, gendurable.instances_by_rate;
drop view public.gd_instances, public.gd_queues, public.gd_workers, public.gd_limits, public.gd_stuck,
    public.gd_throughput, public.gd_schedules;
commit;
