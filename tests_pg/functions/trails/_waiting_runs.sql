-- The runs in which instances wait.
begin;
select plan(5);

create function pg_temp.wait(p_at interval, p_run bigint, p_priority int default 0, p_queue text default 'q',
    p_phase gendurable.phase default 'scheduled') returns void language sql as $$
    insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, lane, step, state, priority,
        fsm_version, fsm, queue)
    values (now(), now() + p_at, now(), p_phase, (7::bigint << 40) + p_run, 's', '{}', p_priority, 1, 'm', p_queue)
$$;
select pg_temp.wait('1 h', r), pg_temp.wait('2 h', r) from unnest('{3,5,9}'::bigint[]) as r \g /dev/null
select pg_temp.wait('1 h', 4, 0, 'other'), pg_temp.wait('0', 6, 0, 'q', 'ready') \g /dev/null
select is(gendurable._waiting_runs('q', 0, 100), '{3,5,9}', 'each once, of this queue, of those that wait');
select is(gendurable._waiting_runs('q', 3, 9), '{3,5}', 'from one on and before another one');
select is(gendurable._waiting_runs('q', 4, 9), '{5}', 'wherever they begin');
select is(gendurable._waiting_runs('q', 6, 9), '{}', 'none');
select is(gendurable._waiting_runs('nothing', 0, 100), '{}', 'of no queue');

select * from finish();
rollback;
