-- The earliest moment for which an instance waits, some holes left out.
begin;
select plan(6);

create function pg_temp.wait(p_at interval, p_run bigint, p_priority int default 0, p_queue text default 'q',
    p_phase gendurable.phase default 'scheduled') returns void language sql as $$
    insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, lane, step, state, priority,
        fsm_version, fsm, queue)
    values (now(), now() + p_at, now(), p_phase, (7::bigint << 40) + p_run, 's', '{}', p_priority, 1, 'm', p_queue)
$$;
select pg_temp.wait('1 h', 1), pg_temp.wait('2 h', 1), pg_temp.wait('3 h', 1),
    pg_temp.wait('1 min', 1, 0, 'other') \g /dev/null
create function pg_temp.hole(p_from interval, p_until interval) returns tstzmultirange language sql as $$
    select tstzmultirange(tstzrange(now() + p_from, now() + p_until)) $$;
select is(gendurable._first_wait('q', '-infinity', '{}') - now(), '1 h', 'the first');
select is(gendurable._first_wait('q', now() + interval '1 h', '{}') - now(), '1 h', 'from a moment on');
select is(gendurable._first_wait('q', now() + interval '61 min', '{}') - now(), '2 h', 'and not before');
select is(gendurable._first_wait('q', '-infinity',
    pg_temp.hole('0', '90 min') + pg_temp.hole('2 h', '150 min')) - now(), '3 h', 'beyond the holes');
select is(gendurable._first_wait('q', '-infinity',
    tstzmultirange(tstzrange('-infinity', now() + interval '3 h'))) - now(), '3 h', 'a hole ends before its end');
select is(gendurable._first_wait('q', now() + interval '4 h', '{}'), 'infinity', 'none');

select * from finish();
rollback;
