-- _fire_schedules: what is due in a queue.
begin;
\ir ../prelude.psql
\ir prelude.psql
set local client_min_messages = error;
select plan(19);

select is(gendurable._fire_schedules('q'), 0, 'no schedule, nothing');
select gd_schedule('a', '@every 1 hour', 'a', queue => 'q'), gd_schedule('b', '@every 1 hour', 'b', queue => 'q'),
    gd_schedule('c', '@every 1 hour', 'c', queue => 'other') \g /dev/null
select is(gendurable._fire_schedules('q'), 0, 'nothing is due');
select pg_temp.age('a', '1 hour'), pg_temp.age('c', '1 hour') \g /dev/null
select is(gendurable._fire_schedules('q'), 1, 'one is due');
select is((select string_agg(fsm, ' ') from gendurable.instances), 'a', '… of this queue');
select is(gendurable._fire_schedules('q'), 0, 'once');
select is(pg_temp.counts('a') || ', ' || pg_temp.counts('b') || ', ' || pg_temp.counts('c'),
    '1 fired, 0 skipped, 0 fired, 0 skipped, 0 fired, 0 skipped', 'each is counted for itself');
select pg_temp.age('a', '1 hour'), pg_temp.age('b', '1 hour') \g /dev/null
select is(gendurable._fire_schedules('q'), 1, 'a skipped one creates nothing');
select is(pg_temp.counts('a') || ', ' || pg_temp.counts('b'), '1 fired, 1 skipped, 1 fired, 0 skipped',
    '… and does not stop others');
select is((select count(*) from gendurable.occurrences where queue = 'q'), 2::bigint, 'one row for each');
select is((gendurable._due_bound('q')).none_before,
    least((pg_temp.standing('a')).due_at, (pg_temp.standing('b')).due_at), 'it is known when the next is due');

-- Rows that cannot be fired.
select gd_schedule('cron', '@every 1 hour', 'm', queue => 'bad'),
    gd_schedule('zone', '0 3 * * *', 'm', queue => 'bad', timezone => 'Europe/Berlin'),
       gd_schedule('state', '@every 1 hour', 'm', queue => 'bad', stamp => 'at'),
       gd_schedule('weight', '@every 1 hour', 'm', queue => 'bad'),
       gd_schedule('good', '@every 1 hour', 'm', queue => 'bad') \g /dev/null
update gendurable.schedules set cron = '61 * * * *' where name = 'cron';
update gendurable.schedules set timezone = 'Atlantis' where name = 'zone';
update gendurable.schedules set state = '5' where name = 'state';
alter table gendurable.instances add constraint light check (weight < 100);
update gendurable.schedules set weight = 100 where name = 'weight';
select pg_temp.age(name, '1 day') from gd_schedules where queue = 'bad' \g /dev/null
select is(gendurable._fire_schedules('bad'), 2, 'what cannot be fired fails no pick');
select is((select string_agg(name, ' ' order by name) from gd_schedules where fired > 0 and queue = 'bad'),
    'good state', 'the others are fired');
select is((select string_agg(schedule, ' ' order by schedule) from gendurable.occurrences
    where due_at = now() + interval '1 minute'), 'cron weight zone', 'and it is tried again after a minute');
select is((select string_agg(schedule, ' ' order by schedule) from gendurable.occurrences
    where queue = 'bad' and next_at < now()), 'cron weight zone', '… for the same occurrence');

-- A bound that is over without anything due, and one that many rows were written since.
select gd_schedule('x', '@every 1 hour', 'm', queue => 'p'),
    gd_schedule('y', '@every 2 hours', 'm', queue => 'p') \g /dev/null
update gendurable.occurrences set none_before = now() where queue = 'p';
select is(gendurable._fire_schedules('p'), 0, 'a bound that is over');
select is((gendurable._due_bound('p')).none_before, (pg_temp.standing('x')).due_at, '… is found anew');
select is((select count(*) from gendurable.occurrences where queue = 'p'), 2::bigint,
    '… in the place of the row that had it');
select count(gd_schedule('y', '@every 2 hours', 'm' || n, queue => 'p')) from generate_series(1, 20) as n \g /dev/null
select gendurable._fire_schedules('p') \g /dev/null
select cmp_ok((select count(*) from gendurable.occurrences where queue = 'p'), '=', 2::bigint,
    'replaced twenty times it is one row');

-- More than a hundred.
select count(gd_schedule('many' || n, '@every 1 hour', 'm', queue => 'many'))
    from generate_series(1, 120) as n \g /dev/null
update gendurable.occurrences set none_before = '-infinity', due_at = due_at - interval '61 minutes',
    next_at = next_at - interval '61 minutes' where queue = 'many';
select is(array[gendurable._fire_schedules('many'), gendurable._fire_schedules('many'),
    gendurable._fire_schedules('many')], '{100,20,0}', 'a hundred in a call');

select * from finish();
rollback;
