-- _leave_queue: a row that goes, and what it said of the queue.
begin;
\ir ../prelude.psql
\ir prelude.psql
select plan(8);

create function pg_temp.rows() returns text language sql as $$
    select string_agg(coalesce(o.schedule, '-'), ' ' order by o.id) from gendurable.occurrences as o where o.queue = 'q'
    $$;
select gd_schedule(s, '@every 1 hour', 'm', queue => 'q') from unnest('{a,b,c}'::text[]) as s \g /dev/null
select gendurable._leave_queue(pg_temp.standing('b')) \g /dev/null
select is(pg_temp.rows(), 'a c', 'an older row goes');
select gendurable._leave_queue(pg_temp.standing('c')) \g /dev/null
select is(pg_temp.rows(), 'a -', 'the newest one is replaced');
select is((gendurable._due_bound('q')).none_before, (pg_temp.standing('a')).due_at,
    '… by one that says when the others are due');
select pg_temp.age('a', '1 hour') \g /dev/null
select is(gendurable._fire_schedules('q'), 1, 'the next firing');
select is(pg_temp.rows(), 'a', '… takes it away');
select gendurable._leave_queue(pg_temp.standing('a')) \g /dev/null
select is(pg_temp.rows(), '-', 'the last one leaves what it knew');
select is((gendurable._due_bound('q')).none_before, 'infinity', '… that none is due');
select gendurable._fire_schedules('q') \g /dev/null
select is(pg_temp.rows(), '-', 'a look leaves that as it is');

select * from finish();
rollback;
