-- How urgent the most urgent of what is due is.
begin;
select plan(7);

create function pg_temp.wait(p_at interval, p_run bigint, p_priority int default 0, p_queue text default 'q',
    p_phase gendurable.phase default 'scheduled') returns void language sql as $$
    insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, lane, step, state, priority,
        fsm_version, fsm, queue)
    values (now(), now() + p_at, now(), p_phase, (7::bigint << 40) + p_run, 's', '{}', p_priority, 1, 'm', p_queue)
$$;
select is(gendurable._due_priority('q', '{6,7}', now()), null, 'nothing is due');
select pg_temp.wait('1 s', 1, -9), pg_temp.wait('0', 1, 5), pg_temp.wait('-1 s', 1, 7),
    pg_temp.wait('0', 1, 1, 'other'), pg_temp.wait('0', 1, 2, 'q', 'awaiting_signal') \g /dev/null
select is(gendurable._due_priority('q', '{6,7}', now()), 5, 'of what was scheduled, is due and in this queue');
select is(gendurable._due_priority('q', '{6,7}', now() + interval '1 s'), -9, 'at a moment');
select is(gendurable._due_priority('q', '{6}', now()), null, 'of these kinds');
select pg_temp.wait('-2 s', 1, 8) from generate_series(1, 100) \g /dev/null
select is(gendurable._due_priority('q', '{6,7}', now()), 8, 'as far as the first hundred go');
select gendurable._move_waits('q') \g /dev/null
select is(gendurable._due_priority('q', '{6,7}', now()), 5, 'of each stretch');
select pg_temp.wait('-3 s', gendurable._run(pg_current_xact_id()), 3) \g /dev/null
select is(gendurable._due_priority('q', '{6,7}', now()), 3, 'and in them');

select * from finish();
rollback;
