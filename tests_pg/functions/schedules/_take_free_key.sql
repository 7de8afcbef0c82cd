-- _take_free_key: a correlation key, without waiting. tests_pg/races/schedules.sql has the keys that are being taken or
-- freed.
begin;
\ir ../prelude.psql
select plan(5);

select is(gendurable._take_free_key('k', 7), 'taken', 'a free key is taken');
select is((select instance_id from gendurable.correlation_keys where key = 'k'), 7::bigint, '… for the instance');
select is(gendurable._take_free_key('k', 8), 'occupied', 'an occupied one is not');
select from gendurable.correlation_keys where key = 'k' for key share;
select is(gendurable._take_free_key('k', 8), 'occupied', '… also where its row was locked once');
delete from gendurable.correlation_keys where key = 'k';
select is(gendurable._take_free_key('k', 8), 'taken', 'until it is free');

select * from finish();
rollback;
