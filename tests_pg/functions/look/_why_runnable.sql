-- What keeps a runnable instance from starting.
begin;
\ir ../prelude.psql
select plan(17);
select test.up_for_ever();

create function pg_temp.kept(fsm text) returns text language sql as $$
    select coalesce(string_agg(y.reason, ' ' order by y.n), '-') from gendurable._why_runnable(pg_temp.row(fsm))
        with ordinality as y (reason, detail, remedy, since, n) $$;
create function pg_temp.remedy(fsm text) returns text language sql as $$
    select y.remedy from gendurable._why_runnable(pg_temp.row(fsm)) as y limit 1 $$;
create function pg_temp.told(fsm text) returns text language sql as $$
    select y.detail from gendurable._why_runnable(pg_temp.row(fsm)) as y limit 1 $$;
select pg_temp.put('first'), pg_temp.put('runs', '{"priority": -1}'), pg_temp.put('second'),
    pg_temp.put('deserted', '{"queue": "d"}'), pg_temp.put('later', '{"delay": "1 hour"}'),
    pg_temp.put('never', '{"eligible_at": "infinity"}') \g /dev/null
select pg_temp.pick(1) \g /dev/null
select is(pg_temp.kept('runs'), '-', 'what executes is not runnable');
select is(pg_temp.told('second'),
    'It is ready and waits for its turn: 1 more urgent or older in queue q, whose workers (me) execute 1.', 'its turn');
select is(pg_temp.kept('deserted'), 'no_worker', 'no worker');
select is(pg_temp.kept('later'), 'scheduled', 'not due');
select matches(pg_temp.told('later'), '^It is not due before \d{4}-\d\d-\d\d [\d:]+ \w+\.$', '… when it is');
select is(pg_temp.told('never'), 'It is not due before the end of time.', '… never');
select gd_pause('q') \g /dev/null
select is(pg_temp.kept('second'), 'queue_paused', 'a pause');
select is(pg_temp.kept('later'), 'scheduled queue_paused', 'two causes, the first one first');
select gd_resume('q'), gd_set_queue_limit('q', 1) \g /dev/null
select is(pg_temp.told('second'), 'Queue q executes 1 of at most 1.', 'a full queue');
select is(pg_temp.kept('second'), 'queue_limit', '… nothing is next in which');
select is(pg_temp.remedy('second'), 'Wait, or raise it: gd_set_queue_limit(''q'', ...).', '… which gets empty');
select gd_set_queue_limit('q', 0) \g /dev/null
select is(pg_temp.remedy('second'), 'Raise it: gd_set_queue_limit(''q'', ...).',
    'a queue that nothing may leave: waiting is no remedy');
select gd_set_queue_limit('q', null) \g /dev/null
select pg_temp.commit('runs', 'retry', '{"delay_ms": 60000, "error": {"type": "E", "message": "boom"}}') \g /dev/null
select matches(pg_temp.told('runs'), '; attempt 1 of step start has failed: E: boom\.$',
    'a retry that waits tells the error');
select gd_unregister(:me),
    gd_register('other', '{q}',
        info => '{"machines": [{"fsm": "first", "version": 1, "steps": ["end"]}, {"fsm": "second", "version": 1}]}')
    \g /dev/null
select is(pg_temp.told('first'),
    'The workers of queue q (other) live, but none of them declares first version 1, step start.', 'no machine');
select is(pg_temp.kept('second'), 'ready', '… of this one');
update gendurable.instances set phase = 'held', concurrency_key = 'k' where fsm = 'second';
select is(pg_temp.kept('second'), '-', 'what was held, and is about to be offered a slot');
update gendurable.leases set lease_until = now() - interval '1 s';
select is(pg_temp.kept('first'), 'no_worker', 'a worker past its lease is none');

select * from finish();
rollback;
