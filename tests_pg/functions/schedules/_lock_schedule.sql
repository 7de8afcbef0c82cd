-- _lock_schedule: a schedule and where it stands. tests_pg/races/schedules.sql has the picks in flight.
begin;
\ir ../prelude.psql
\ir prelude.psql
select plan(4);

select is((gendurable._lock_schedule('a')).schedule, null, 'there is none');
select gd_schedule('a', '@every 1 hour', 'm', queue => 'q'),
    gd_schedule('b', '@every 1 hour', 'm', queue => 'q') \g /dev/null
select is(gendurable._lock_schedule('a'), pg_temp.standing('a'), 'its row');
delete from gendurable.occurrences where schedule = 'a';
select is((gendurable._lock_schedule('a')).id, null, 'one that has lost its row');
select is((select concat_ws(' ', l.schedule, l.queue, l.fired, l.skipped) from gendurable._lock_schedule('a') as l),
    'a q 0 0', '… can be given another one');

select * from finish();
rollback;
