-- _fire_all_schedules: the queues of live workers.
begin;
\ir ../prelude.psql
\ir prelude.psql
select test.up_for_ever() \g /dev/null
select plan(7);

select gd_schedule(q, '@every 1 hour', 'm', queue => q) from unnest('{q,a,b,deserted}'::text[]) as q \g /dev/null
update gendurable.occurrences set none_before = '-infinity', due_at = due_at - interval '61 minutes',
    next_at = next_at - interval '61 minutes';
select gd_pause('b') \g /dev/null
select is(gendurable._fire_all_schedules(), 2, 'what is due in queues with a worker');
select is((select string_agg(queue, ' ' order by queue) from gendurable.instances), 'a q', '… that are not paused');
select is(gendurable._fire_all_schedules(), 0, 'once');
select gd_resume('b') \g /dev/null
update gendurable.workers set lease = '0'; update gendurable.leases set lease_until = now() - interval '1 second';
select is(gendurable._fire_all_schedules(), 0, 'a worker whose lease is over does not count');
select gd_register('other', '{b}') \g /dev/null
select is((select affected from gd_maintain() where task = 'fire_schedules'), 1::bigint, 'gd_maintain does it');
select is((select string_agg(queue, ' ' order by queue) from gendurable.instances), 'a b q',
    'never for a queue without one');
select is((select count(*) from gd_schedules where fired > 0), 3::bigint, 'each is counted');

select * from finish();
rollback;
