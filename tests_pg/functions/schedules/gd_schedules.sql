-- gd_schedules: every schedule.
begin;
\ir ../prelude.psql
\ir prelude.psql
select plan(4);

select is_empty('select * from gd_schedules', 'none');
select columns_are('public', 'gd_schedules',
    '{name,cron,timezone,fsm,fsm_version,step,state,queue,priority,overlap,missed,stamp,paused,next_at,last_at,last_id,'
    'fired,skipped}'::name[], 'its columns');
select gd_schedule('a', '@every 1 hour', 'm', queue => 'q'), gd_schedule('b', '@daily', 'm', queue => 'q') \g /dev/null
select pg_temp.age('a', '1 hour') \g /dev/null
select pg_temp.pick() \g /dev/null
select is((select string_agg(format('%s %s %s', s.name, s.last_id = pg_temp.id('m'),
    s.last_at < now() and s.next_at > now()), ', ' order by s.name) from gd_schedules as s), 'a t t, b  ',
    'what came of each');
delete from gendurable.occurrences where schedule = 'b';
select is((select concat_ws(' ', s.name, s.next_at, s.fired) from gd_schedules as s where s.name = 'b'), 'b 0',
    'one that has lost its row is shown');

select * from finish();
rollback;
