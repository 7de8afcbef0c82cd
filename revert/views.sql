-- Revert gendurable:views from pg
begin;
drop view public.gd_instances, public.gd_queues, public.gd_workers, public.gd_limits, public.gd_stuck;
commit;
