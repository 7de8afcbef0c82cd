-- gd_schedule: creates or replaces a schedule.
begin;
\ir ../prelude.psql
\ir prelude.psql
select plan(11);

select is(gd_schedule('a', '0 3 * * mon', 'm', timezone => 'Europe/Berlin'),
    gd_next_occurrence('0 3 * * mon', 'Europe/Berlin'), 'answers the next occurrence');
select is((select row(s.*)::text from (select cron, timezone, fsm, fsm_version, step, state, queue, priority, overlap,
    missed, stamp, paused, last_at, last_id, fired, skipped from gd_schedules) as s),
    '("0 3 * * mon",Europe/Berlin,m,,start,{},default,0,skip,one,,f,,,0,0)', 'what is not given has its default');
select is(gd_schedule('a', '@daily', 'm', null, null, null, null, null, null, null, null, null, null, null, null),
    gd_next_occurrence('@daily'), 'null is the default');
select is((select concat_ws(' ', timezone, step, state, queue, priority, overlap, missed) from gd_schedules),
    'UTC start {} default 0 skip one', '… of each argument');
select gd_schedule(name => 'a', cron => '@every 1 hour', fsm => 'n', state => '[1]', step => 's', queue => 'q',
    priority => -1, timezone => 'Asia/Tokyo', overlap => 'allow', missed => 'all',
    concurrency_key => 'c:1', rate_limit => 'r', weight => 0.5, fsm_version => 4) as next \gset
select is((select concat_ws(' ', cron, timezone, fsm, fsm_version, step, state, queue, priority, overlap, missed)
    from gd_schedules), '@every 1 hour Asia/Tokyo n 4 s [1] q -1 allow all', 'all of it');
select pg_temp.age('a', '1 hour') \g /dev/null
select gd_set_rate_limit('r', 10, '1 second') \g /dev/null
select is(pg_temp.pick(), 'n', 'a pick fires it and has it at once');
select is((select concat_ws(' ', i.fsm_version, i.priority, i.concurrency_key, i.rate_limit, i.weight)
    from gendurable.instances as i), '4 -1 c:1 r 0.5', 'an instance is as if it had been enqueued so');
select is((select last_id from gd_schedules), pg_temp.id('n'), 'the view knows it');
select is(gd_schedule('a', '@every 1 hour', 'n', queue => 'q', timezone => 'Asia/Tokyo'),
    (pg_temp.standing('a')).next_at, 'the next occurrence stays when it is replaced');
select is(pg_temp.refusal($$ select gd_schedule('b', '61 * * * *', 'm') $$),
    'GD002 cron ''61 * * * *'': minute: ''61'' is not within 0-59', 'what cannot be is refused');
select is((select count(*) from gd_schedules), 1::bigint, '… and not stored');

select * from finish();
rollback;
