-- gd_why: why an instance does not run.
begin;
\ir ../prelude.psql
select plan(10);
select test.up_for_ever();

select pg_temp.put('a', '{"correlation_key": "order:42"}') \g /dev/null
select results_eq($$ select id, reason from gd_why('order:42') $$, $$ select pg_temp.id('a'), 'ready' $$, 'by key');
select is((select reason from gd_why(pg_temp.id('a'))), 'ready', 'by id');
select pg_temp.pick(1) \g /dev/null
select is((select reason from gd_why('order:42')), 'executing', 'claimed');
select pg_temp.commit('a', 'await', '{"names": ["x"]}') \g /dev/null
select is((select reason from gd_why('order:42')), 'awaiting_signal', 'parked');
select gd_cancel('order:42', 'by hand') \g /dev/null
select results_eq($$ select reason, detail, remedy, since >= now() from gd_why('order:42') $$,
    format($$ values ('failed', 'It has failed in step start: cancelled: by hand.',
        'gd_retry(%s) brings it back to that step.', true) $$, pg_temp.id('a')), 'failed');
select pg_temp.put('b'), pg_temp.pick(1), pg_temp.commit('b', 'done') \g /dev/null
select results_eq($$ select reason, detail, remedy from gd_why(pg_temp.id('b')) $$, $$
    values ('done', 'It is done.', null) $$, 'done');
select is_empty($$ select * from gd_why(-1) $$, 'an unknown id');
select is_empty($$ select * from gd_why('nobody') $$, 'an unknown key');
-- The same words as gd_stuck, for each of its reasons.
set local client_min_messages = error;
select gd_register('few', '{m}', info => '{"machines": []}'), gd_set_rate_limit('r', 1, '1 h'),
    gd_set_queue_limit('z', 0), gd_pause('p'), gd_register('z', '{z}') \g /dev/null
select pg_temp.put('paused', '{"queue": "p"}'), pg_temp.put('deserted', '{"queue": "d"}'),
    pg_temp.put('foreign', '{"queue": "m"}'), pg_temp.put('stopped', '{"queue": "z"}'),
    pg_temp.put('unknown', '{"rate_limit": "nobody"}'),
       pg_temp.put('heavy', '{"rate_limit": "r", "weight": 5}'),
       pg_temp.put('holder', '{"concurrency_key": "k", "priority": -1}'), pg_temp.pick(1),
       pg_temp.put('held', '{"concurrency_key": "k"}') \g /dev/null
select set_eq('select id, reason from gd_stuck', $$
    select s.id, (select y.reason from gd_why(s.id) as y limit 1) from gd_stuck as s $$,
    'what gd_stuck says, gd_why says first');
select is((select count(distinct reason)::int from gd_stuck), 7, '… of all reasons');

select * from finish();
rollback;
