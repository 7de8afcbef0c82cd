-- gd_pause: nothing more is handed out.
begin;
\ir ../prelude.psql
select plan(15);

select pg_temp.put('1'), pg_temp.put('2'), pg_temp.put('elsewhere', '{"queue": "a"}') \g /dev/null
select is(pg_temp.pick(1), '1', 'one runs');
select gd_pause('q') \g /dev/null
select is(pg_temp.pick(9), '-', 'a paused queue hands out nothing');
select is(pg_temp.pick(9, 'a'), 'elsewhere', 'another one does');
select is((select paused from gd_queues where queue = 'q'), true, 'gd_queues says so');
select is((select string_agg(fsm || ' ' || reason || ' ' || detail, ', ') from gd_stuck), '2 queue_paused q',
    'gd_stuck, too');
select gd_pause(queue => 'q') \g /dev/null
select is(pg_temp.pick(9), '-', 'twice is once');
select is(pg_temp.commit('1', 'next', '{"step": "two", "continue": true}') || ' ' || pg_temp.phase('1'),
    'committed ready', 'running ahead ends');
select is(pg_temp.pick(9), '-', 'what was enqueued before or comes back waits');
select pg_temp.put('3') \g /dev/null
select is(pg_temp.pick(9), '-', 'so does what is enqueued');
select gd_resume('q') \g /dev/null
select is(pg_temp.pick(9), '1 2 3', 'until it goes on');
select gd_pause('q') \g /dev/null
select is(pg_temp.commit('1', 'done') || ' ' || pg_temp.commit('2', 'await', '{"names": ["x"]}') || ' '
    || pg_temp.commit('3', 'stop'), 'committed committed committed', 'what runs finishes');
select is(pg_temp.refusal('select gd_pause(null)'), 'GD001 queue is required', 'a queue is required');
select is(pg_temp.refusal($$ select gd_pause('') $$), 'GD001 queue is required', 'an empty one is none');
select matches(pg_temp.refusal($$ select gd_pause(repeat('é', 501)) $$), '^GD002 queue is longer than 1,000 bytes',
    'a queue has at most 1,000 bytes');
select lives_ok($$ select gd_pause('unknown') $$, 'a queue need not be known');

select * from finish();
rollback;
