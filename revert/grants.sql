-- Revert gendurable:grants from pg
-- Nothing to take back: what was granted goes with the objects.
begin;
commit;
