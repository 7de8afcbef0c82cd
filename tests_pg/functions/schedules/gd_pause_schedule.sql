-- gd_pause_schedule: nothing of a schedule is fired.
begin;
\ir ../prelude.psql
\ir prelude.psql
select plan(7);

select is(gd_pause_schedule('a'), false, 'there is none');
select gd_schedule('a', '@every 1 hour', 'a', queue => 'q'),
    gd_schedule('b', '@every 1 hour', 'b', queue => 'q') \g /dev/null
select is(gd_pause_schedule('a'), true, 'there is one');
select is((select string_agg(name, ' ') from gd_schedules where paused), 'a', 'gd_schedules says so');
select pg_temp.age('b', '1 hour'), pg_temp.age('a', '1 hour') \g /dev/null
select is(pg_temp.pick(9), 'b', 'nothing of it is fired; others are');
select isnt(gd_next_due('q'), null, 'others are due again');
select gd_unschedule('b') \g /dev/null
select is(gd_next_due('q'), null, 'it is not');
select is(pg_temp.refusal($$ select gd_pause_schedule('') $$), 'GD001 name is required', 'a name is required');

select * from finish();
rollback;
