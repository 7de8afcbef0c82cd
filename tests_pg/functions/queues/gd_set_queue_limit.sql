-- gd_set_queue_limit: how many instances of a queue execute at once.
begin;
\ir ../prelude.psql
select plan(36);
select test.up_for_ever();

select pg_temp.put(n::text, jsonb_build_object('priority', n)) from generate_series(1, 6) as n \g /dev/null
create function pg_temp.state() returns text language sql as $$
    select format('%s limit %s executing %s', q.queue, q.max_executing, q.executing) from gd_queues as q
        where q.queue = 'q'
$$;
select is(pg_temp.state(), 'q limit  executing 0', 'no limit at first');
select gd_set_queue_limit(queue => 'q', max_executing => 2) \g /dev/null
select is(pg_temp.pick(5), '1 2', 'no more than the limit are handed out, the most urgent');
select is(pg_temp.state(), 'q limit 2 executing 2', 'which gd_queues shows');
select is(pg_temp.pick(5), '-', 'the queue is full');
select is(pg_temp.commit('1', 'done'), 'committed', 'one is done');
select is(pg_temp.pick(5), '3', 'its place is free');
-- Every way in which a claim ends leaves its place.
select is(pg_temp.commit('2', 'retry'), 'committed', 'a retry');
select is(pg_temp.pick(5), '2', 'it may take its place again');
select is(pg_temp.commit('2', 'await', '{"names": ["x"]}'), 'committed', 'a park');
select is(pg_temp.pick(5), '4', 'leaves its place');
select is(pg_temp.commit('3', 'schedule_children', '{"children": [{"fsm": "c", "queue": "b"}]}'), 'committed',
    'a parent that waits');
select is(pg_temp.pick(5), '5', 'leaves its place');
select gd_release(:me, array[pg_temp.id('4')]) \g /dev/null
select is(pg_temp.pick(5), '4', 'so does a release');
select gd_cancel(pg_temp.id('4')) \g /dev/null
select is(pg_temp.pick(5), '6', 'and a cancellation');
select is(pg_temp.commit('5', 'next', '{"step": "two"}'), 'committed', 'and next');
select is(pg_temp.pick(5), '5', 'of itself, too');
-- Running ahead keeps it.
select is(pg_temp.commit('5', 'next', '{"step": "three", "continue": true}'), 'continued', 'running ahead');
select is(pg_temp.pick(5), '-', 'keeps the place');
select gd_set_queue_limit('q', 1) \g /dev/null
select is(pg_temp.commit('5', 'next', '{"step": "four", "continue": true}'), 'continued',
    'also if more execute than may now');
select gd_set_queue_limit('q', 0) \g /dev/null
select is(pg_temp.commit('5', 'next', '{"step": "five", "continue": true}'), 'committed',
    'a limit of 0 ends the chain');
select is(pg_temp.pick(5), '-', 'and stops the queue');
select results_eq($$ select s.reason, s.detail from gd_stuck as s where s.queue = 'q' $$, $$
    values ('queue_limit', 'q') $$, 'which is why its instances are stuck');
select gd_set_queue_limit('q', 1) \g /dev/null
select is(pg_temp.pick(5), '-', 'what executes counts, whatever the limit was when it started');
select is_empty($$ select from gd_stuck $$, 'a queue that is full is not stuck');
select is(pg_temp.commit('6', 'done') || ' ' || pg_temp.pick(5), 'committed 5', 'then there is room');

-- A pause and a limit.
select gd_pause('q'), gd_set_queue_limit('q', 3) \g /dev/null
select pg_temp.put('7') \g /dev/null
select is(pg_temp.pick(5), '-', 'a limit does not end a pause');
select gd_resume('q') \g /dev/null
select is((select q.max_executing || ' ' || q.paused from gd_queues as q where q.queue = 'q'), '3 false',
    'nor the end of the pause the limit');
select is(pg_temp.pick(5), '7', 'which holds');
select gd_pause('q'), gd_set_queue_limit('q', null) \g /dev/null
select is((select coalesce(q.max_executing, -1) || ' ' || q.paused from gd_queues as q where q.queue = 'q'), '-1 true',
    'nor no limit the pause');
select gd_resume('q') \g /dev/null
select is_empty('select from gendurable.queues', 'and nothing is left');
select pg_temp.put(n::text) from generate_series(10, 13) as n \g /dev/null
select is(pg_temp.pick(5), '10 11 12 13', 'without a limit all are handed out');
select gd_set_queue_limit('q', 7) \g /dev/null
select pg_temp.put(n::text) from generate_series(20, 24) as n \g /dev/null
select is(pg_temp.pick(9), '20', 'and count once there is one again');

select is(pg_temp.refusal('select gd_set_queue_limit(null, 1)'), 'GD001 queue is required', 'a queue is required');
select is(pg_temp.refusal($$ select gd_set_queue_limit('q', -1) $$), 'GD002 max_executing is -1',
    'less than none is an error');
select matches(pg_temp.refusal($$ select gd_set_queue_limit(repeat('é', 501), 1) $$),
    '^GD002 queue is longer than 1,000 bytes', 'a queue has at most 1,000 bytes');
select lives_ok($$ select gd_set_queue_limit('never seen', null) $$, 'no limit where there was none');

select * from finish();
rollback;
