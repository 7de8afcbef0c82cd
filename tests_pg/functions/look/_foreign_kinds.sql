-- The kinds that no live worker of their queue can run, and what gd_stuck says of them.
begin;
select plan(9);

select gd_enqueue('A'), gd_enqueue('B', step => 's'), gd_enqueue('B', step => 't'), gd_enqueue('C', fsm_version => 2),
    gd_enqueue('D', queue => 'other'),
       gd_enqueue('C', fsm_version => 2, concurrency_key => 'k'),
       gd_enqueue('C', fsm_version => 2, delay => '1 hour') \g /dev/null
create function pg_temp.foreign_kinds() returns text language sql as $$
    select coalesce(string_agg(format('%s %s %s', k.fsm, k.fsm_version, k.step), ', ' order by k.fsm, k.step), 'none')
        from gendurable._foreign_kinds() as f join gendurable.kinds as k on k.id = f.kind
$$;
create function pg_temp.stuck() returns text language sql as $$
    select coalesce(string_agg(s.reason || ': ' || s.detail, ', ' order by s.id), 'none') from gd_stuck as s
        where s.queue = 'default'
$$;

select is(pg_temp.foreign_kinds(), 'none', 'of a queue without a worker it is not the machine that is missing');
select gd_register('w', info
    => '{"machines": [{"fsm": "A", "version": 1}, {"fsm": "B", "version": 1, "steps": ["s"]}, {"fsm": "C", "version": '
    '1}]}') as w \gset
select is(pg_temp.foreign_kinds(), 'B 1 t, C 2 start', 'a step or a version that no worker declares');
select is(pg_temp.stuck(),
    'no_machine: B version 1, step t, no_machine: C version 2, step start, no_machine: C version 2, step start',
    'what is ready or waits is stuck, each once');
select gd_pause('default') \g /dev/null
select matches(pg_temp.stuck(), '^(queue_paused: default(, )?){5}$', 'a pause comes first');
select gd_resume('default') \g /dev/null
select gd_set_queue_limit('default', 0) \g /dev/null
select is(pg_temp.stuck(),
    'queue_limit: default, queue_limit: default, no_machine: B version 1, step t, no_machine: C version 2, step start, '
    'no_machine: C version 2, step start',
    'a limit of 0 comes last');
select gd_set_queue_limit('default', null) \g /dev/null
select gd_register('v', info => '{"machines": [{"fsm": "C", "version": 2}]}') as v \gset
select is(pg_temp.stuck(), 'no_machine: B version 1, step t', 'any worker that declares it is enough');
select gd_register('u', '{other}') \g /dev/null
select is(pg_temp.foreign_kinds(), 'B 1 t', 'a worker of another queue is not');
select gd_register('x') as x \gset
select is(pg_temp.foreign_kinds(), 'none', 'a worker that declares nothing can run everything');
select gd_unregister(:x) \g /dev/null
select is(pg_temp.foreign_kinds(), 'B 1 t', 'as long as it is there');

select * from finish();
rollback;
