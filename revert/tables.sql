-- Revert gendurable:tables from pg
begin;
set local client_min_messages = warning;
drop schema gendurable cascade;
commit;
