-- Verify gendurable:functions on pg
begin;
select public.gd_version();
rollback;
