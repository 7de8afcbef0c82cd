-- _set_schedule: a schedule is created or replaced.
--
-- Race:      Versions side by side
-- Sessions:  Two workers of different versions declare one name.
-- Guard:     The versions are compared under the lock of the schedule.
-- Mutations: The newer version is not compared → 21, 22.
begin;
\ir ../prelude.psql
\ir prelude.psql
select plan(23);

create function pg_temp.set(more jsonb default '{}') returns text language sql as $$
    select s.result from gendurable._set_schedule(jsonb_populate_record(null::gendurable.schedules,
        '{"name": "a", "cron": "@every 1 hour", "timezone": "UTC", "fsm": "m", "step": "s", "state": {}, "queue": "q", '
        '"priority": 0, "overlap": "skip", "missed": "one", "weight": 1, "paused": false}'::jsonb
        || more)) as s
$$;
create function pg_temp.next_in() returns interval language sql as $$
    select round(extract(epoch from (pg_temp.standing('a')).next_at - now()) / 60) * interval '1 minute' $$;
select is(pg_temp.set(), 'created', 'a new one');
select is(pg_temp.next_in(), '1 hour', 'counts from now');
select id as first from pg_temp.standing('a') \gset
select is(pg_temp.set(), 'unchanged', 'the same again');
select is((pg_temp.standing('a')).id, :first::bigint, '… writes nothing');

-- What is due stays due, unless the time is changed.
select pg_temp.age('a', '90 minutes') \g /dev/null
select is(pg_temp.set('{"step": "other"}'), 'changed', 'another step');
select is(pg_temp.next_in(), '-30 minutes', '… leaves the time alone: what is due stays due');
select is((pg_temp.standing('a')).due_at, (pg_temp.standing('a')).next_at, '… at once');
select is(gendurable._fire_schedules('q'), 1, '… and is fired');
select is((select step from gendurable.instances), 'other', '… as it is now');
select pg_temp.age('a', '1 hour') \g /dev/null
select is(pg_temp.set('{"cron": "@every 2 hours"}'), 'changed', 'another cron expression');
select is(pg_temp.next_in(), '2 hours', '… counts from now');
select is(pg_temp.counts('a'), '1 fired, 0 skipped', 'what was counted stays');
select isnt((pg_temp.standing('a')).last_at, null, 'so does the latest occurrence');
update gendurable.occurrences set last_at = now() + interval '1 day';
select pg_temp.set('{"cron": "@every 3 hours"}') \g /dev/null
select is(pg_temp.next_in(), '1 day 3 hours', 'never before it: the clock may have been set back');
update gendurable.occurrences set last_at = null;
select is(pg_temp.set('{"cron": "@every 3 hours", "timezone": "Europe/Berlin"}') || ' ' || pg_temp.next_in(),
    'changed 03:00:00', 'another time zone counts from now, too');

-- The pause stays.
select gd_pause_schedule('a') \g /dev/null
select pg_temp.set('{"cron": "@every 5 minutes"}') \g /dev/null
select is((select paused from gd_schedules), true, 'a pause stays');
select is((pg_temp.standing('a')).due_at, 'infinity', '… and it is not due');
select gd_resume_schedule('a') \g /dev/null

-- Another queue.
select pg_temp.set('{"cron": "@every 5 minutes", "queue": "b"}') \g /dev/null
select is((select string_agg(concat_ws(' ', o.queue, o.schedule), ', ' order by o.id) from gendurable.occurrences as o),
    'q, b a', 'it moves to another queue');
select is(gd_next_due('q'), null, 'nothing is due in the old one');

-- Versions.
select is(pg_temp.set('{"declared_version": 3}'), 'changed', 'a declaration wins over what was set by hand');
select is(pg_temp.set('{"declared_version": 2, "cron": "@daily"}'), 'older', 'one of an older version does not');
select is((select cron from gd_schedules), '@every 1 hour', '… and changes nothing');
select is(pg_temp.set('{"declared_version": 2, "fsm": "another"}'), 'changed', 'of another machine it is no older one');

select * from finish();
rollback;
