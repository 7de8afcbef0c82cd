-- gendurable._note_start: one note of each start that the server itself does not remember.
begin;
select plan(4);

delete from gendurable.incarnation;
select gendurable._note_start();
select is((select count(*)::int from gendurable.incarnation where since between now() and clock_timestamp()), 1,
    'the first call notes the moment');
create temp table noted as select * from gendurable.incarnation;
select gendurable._note_start();
select results_eq('select * from gendurable.incarnation', 'select * from noted', 'later calls leave it as it is');
delete from gendurable.incarnation;
select gd_reap() \g /dev/null
select is((select count(*)::int from gendurable.incarnation), 1, 'a reaper notes it');
delete from gendurable.incarnation;
select gd_register('w') \g /dev/null
select is((select count(*)::int from gendurable.incarnation), 1, 'a registration notes it');

select * from finish();
rollback;
