-- View gd_stuck: what cannot start now, and why; the function gd_stuck: some of each kind.
begin;
set local client_min_messages = error;
\ir ../prelude.psql
select plan(11);
select test.up_for_ever();

select columns_are('public', 'gd_stuck', '{id,fsm,queue,step,reason,detail,since}', 'the documented columns');
select gd_set_rate_limit('r', 1, '1 hour', 2) \g /dev/null
select pg_temp.put(v.fsm, v.more::jsonb || jsonb_build_object('eligible_at', now() - v.age * interval '1 minute'))
from (values ('plain', '{}', 20), ('unknown', '{"rate_limit": "nobody:1"}', 19),
    ('heavy', '{"rate_limit": "r:1", "weight": 2.5}', 18), ('fits', '{"rate_limit": "r:2", "weight": 2}', 17),
    ('waits for tokens', '{"rate_limit": "r:2"}', 16),
             ('holder', '{"concurrency_key": "k"}', 15), ('held', '{"concurrency_key": "k"}', 14),
             ('held and heavy', '{"concurrency_key": "k", "rate_limit": "r:3", "weight": 9}', 13),
             ('held and unknown', '{"concurrency_key": "k", "rate_limit": "nobody"}', 12),
             ('deserted', '{"queue": "d", "concurrency_key": "k", "rate_limit": "nobody"}', 11),
             ('paused', '{"queue": "p", "rate_limit": "nobody"}', 10), ('future', '{"queue": "d"}', -10),
             ('just due', '{"queue": "d"}', 0)) as v (fsm, more, age) \g /dev/null
select gd_pause('p') \g /dev/null
select set_hasnt($$ select fsm from gd_stuck $$, $$
    values ('holder'), ('plain'), ('fits') $$, 'what the next pick may start is not stuck');
select is(pg_temp.pick(3), 'plain fits holder', 'some start');
select results_eq('select id, fsm, queue, step, reason, detail, since from gd_stuck',
    $$ select pg_temp.id(v.fsm), v.fsm, v.queue, 'start', v.reason, v.detail, now() - v.age * interval '1 minute'
       from (values ('unknown', 'q', 'unknown_rate_limit', 'nobody:1', 19),
           ('heavy', 'q', 'weight_above_burst', 'r:1: weight 2.5, burst 2', 18),
           ('held', 'q', 'concurrency_key', 'k', 14),
                    ('held and heavy', 'q', 'weight_above_burst', 'r:3: weight 9, burst 2', 13),
                    ('held and unknown', 'q', 'unknown_rate_limit', 'nobody', 12),
                    ('deserted', 'd', 'no_worker', 'd', 11),
                    ('paused', 'p', 'queue_paused', 'p', 10), ('just due', 'd', 'no_worker', 'd', 0)) as v (fsm, queue,
                    reason, detail, age) $$,
    'the first reason that applies, oldest first; what is refused by its bucket, runs or is not due yet is not stuck');
update gendurable.leases set lease_until = now() - interval '1 s' where worker_id = :me;
select is((select count(*)::int from gd_stuck where reason = 'no_worker'), 8, 'a worker past its lease is none');
select results_eq('select * from gd_stuck(100)', 'select * from gd_stuck', 'the function tells the same');
select is((select count(*)::int from gd_stuck(1) where queue = 'q'),
    (select count(distinct (phase, queue))::int from gendurable.instances
        where queue = 'q' and phase not in ('executing')), '… of each place as many as asked for');
select is(pg_temp.refusal('select * from gd_stuck(-1)'), 'GD002 most is -1', '… and not less than nothing');
select gd_pause('q') \g /dev/null
select is((select string_agg(distinct reason, ' ') from gd_stuck where queue = 'q'), 'queue_paused',
    'a pause goes before everything');
select gd_resume('q'), gd_register('again', '{q}'), gd_set_rate_limit('nobody', 1, '1 s'),
    gd_set_rate_limit('r', 1, '1 hour', 9) \g /dev/null
select is((select string_agg(fsm, ', ') from gd_stuck where queue = 'q'), 'held, held and heavy, held and unknown',
    'what was remedied is not stuck any more');
select gd_cancel(pg_temp.id('holder')) \g /dev/null
select is_empty($$ select * from gd_stuck where queue = 'q' $$, 'nor is one whose slot has just been freed');

select * from finish();
rollback;
