-- _fire: the instances that are due, and where the schedule stands then.
begin;
\ir ../prelude.psql
\ir prelude.psql
select plan(17);

create function pg_temp.fire(name text, by interval) returns gendurable.occurrences language plpgsql as $$
begin
    perform pg_temp.age(name, by);
    return gendurable._fire(pg_temp.standing(name));
end
$$;
select gd_schedule('a', '@every 1 hour', 'm', '{"x": 1}', 'begin', 'q', 7, concurrency_key => 'c', weight => 2,
    stamp => 'at') as next \gset
select * from pg_temp.fire('a', '90 minutes') \gset f_
select is(:'f_next_at'::timestamptz, :'next'::timestamptz - interval '30 minutes 10 seconds',
    'the next occurrence is one later');
select is(:'f_due_at'::text, :'f_next_at', 'it is due then');
select is(:'f_fired' || ' ' || :'f_skipped', '1 0', 'one was created');
select * from gendurable.instances \gset i_
select is(:i_id::bigint, :f_last_id::bigint, 'it is known');
select is(:'i_eligible_at'::text, :'f_last_at', 'its time is that of the occurrence');
select is(:'i_eligible_at'::timestamptz, :'next'::timestamptz - interval '90 minutes 10 seconds', '… which was missed');
select is(:'i_state'::text, jsonb_build_object('x', 1, 'at', gendurable._utc(:'i_eligible_at'))::text,
    'the state has the stamp');
select is(concat_ws(' ', :'i_fsm', :'i_step', :'i_queue', :'i_priority', :'i_concurrency_key', :'i_weight',
    :'i_correlation_key', :'i_fsm_version'),
    'm begin q 7 c 2 schedule:a 1', 'everything else is as the schedule says');
select is((pg_temp.fire('a', '1 hour')).skipped, 1::bigint, 'while it lives the next one is skipped');
select is((select count(*) from gendurable.instances), 1::bigint, '… and nothing created');

select gd_schedule('all', '@every 1 minute', 'm', queue => 'q', overlap => 'allow', missed => 'all') \g /dev/null
select is((pg_temp.fire('all', '150 seconds')).fired, 2::bigint, 'missed ones, all of them');
select is((select string_agg(i.correlation_key, ' ' order by i.id) from gendurable.instances as i
    where i.correlation_key like 'schedule:all%'),
    format('schedule:all:%s schedule:all:%s',
        gendurable._utc((select min(eligible_at) from gendurable.instances where correlation_key like 'schedule:all%')),
           gendurable._utc((select max(eligible_at) from gendurable.instances
               where correlation_key like 'schedule:all%'))), 'each has a key of its own');

select gd_register('new', '{}', info => '{"machines": [{"fsm": "versioned", "version": 3}]}') \g /dev/null
select gd_schedule('versioned', '@every 1 hour', 'versioned', queue => 'q') \g /dev/null
select last_id as versioned from pg_temp.fire('versioned', '1 hour') \gset
select is((select fsm_version from gendurable.instances where id = :versioned), 3,
    'the version is the newest one when it fires');
select gd_schedule('never', '0 0 29 2 *', 'm', queue => 'q', missed => 'skip') \g /dev/null
select is((pg_temp.fire('never', '10 years')).fired, 0::bigint, 'skip: nothing that is late');
update gendurable.schedules set cron = '0 0 30 2 *' where name = 'never';
select pg_temp.age('never', '10 years') \g /dev/null
select is((gendurable._fire(pg_temp.standing('never'))).due_at, 'infinity',
    'one that has no next occurrence is never due again');
update gendurable.schedules set cron = 'every day' where name = 'all';
select matches(pg_temp.refusal($$ select gendurable._fire(pg_temp.standing('all')) $$),
    '^GD002 cron ''every day'': 2 fields', 'one that cannot be computed with is refused');
delete from gendurable.schedules where name = 'all';
select is(pg_temp.refusal($$ select gendurable._fire(pg_temp.standing('all')) $$), 'GD001 cron is required',
    'so is one that is not there');

select * from finish();
rollback;
