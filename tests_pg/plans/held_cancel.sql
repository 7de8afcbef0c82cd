-- A mass of ready instances that is cancelled, or whose claims are undone, leaves nothing that picks read again and
-- again, while a snapshot is held that keeps every dead row.
select plan(7);
set lock_timeout = '60s';
select test.connect('holder') \g /dev/null
select gd_register('w', '{q,p}', '1 day') as w \gset

create function test.reads(worker bigint, queue text) returns int
language plpgsql as $$
declare
    v_before constant bigint := pg_stat_get_xact_tuples_returned('gendurable.instances_ready'::regclass);
begin
    perform gd_pick(worker, queue, 10);
    return pg_stat_get_xact_tuples_returned('gendurable.instances_ready'::regclass) - v_before;
end
$$;
-- A transaction of another session, which any test beside this one has, holds a trail up for as long as it is open.
create procedure test.settle(worker bigint, queue text) language plpgsql as $$
begin
    for v_n in 1 .. 200 loop
        exit when test.reads(worker, queue) < 1000;
        commit;
        perform pg_sleep(0.05);
    end loop;
    commit;
end
$$;
select test.exec('holder', 'begin isolation level repeatable read');
select test.query('holder', 'select count(*) from gendurable.instances') \g /dev/null

select count(*) from gd_enqueue_many((
    select jsonb_agg(jsonb_build_object('fsm', 'm' || n % 2, 'queue', 'q', 'priority', n % 3))
    from generate_series(1, 20000) as n)) \g /dev/null
select count(*) from gd_cancel_many(array(select i.id from gendurable.instances as i)) \g /dev/null
select test.reads(:w, 'q') as first \gset
select cmp_ok(:first, '>', 10000, '(the first pick reads what is dead)');
select test.reads(:w, 'q'), test.reads(:w, 'q') \g /dev/null
call test.settle(:w, 'q');
select cmp_ok(test.reads(:w, 'q'), '<', 200, 'after two more it is not read again, though nothing was ever claimed');
select gd_enqueue('m0', queue => 'q'), gd_enqueue('m1', queue => 'q', priority => 2) \g /dev/null
select is((select string_agg(p.fsm, ' ') from gd_pick(:w, 'q', 9) as p), 'm0 m1', 'and what comes later is found');

-- One by one.
select count(*) from gd_enqueue_many((select jsonb_agg(jsonb_build_object('fsm', 'o', 'queue', 'p'))
    from generate_series(1, 4000) as n)) \g /dev/null
create procedure test.cancel_each() language plpgsql as $$
declare
    v_id bigint;
begin
    for v_id in select i.id from gendurable.instances as i where i.queue = 'p' loop
        perform gd_cancel(v_id);
        commit;
    end loop;
end
$$;
call test.cancel_each();
select test.reads(:w, 'p') from generate_series(1, 1) \g /dev/null
create procedure test.picks(worker bigint, times int) language plpgsql as $$
    begin for v_n in 1 .. times loop perform gd_pick(worker, 'p', 10); commit; end loop; end $$;
call test.picks(:w, 10);
call test.settle(:w, 'p');
select cmp_ok(test.reads(:w, 'p'), '<', 1000, 'the same of what was cancelled one by one');

-- In REPEATABLE READ a move would not see who is open.
select count(*) from gd_enqueue_many((select jsonb_agg(jsonb_build_object('fsm', 'rr', 'queue', 'p'))
    from generate_series(1, 1000) as n)) \g /dev/null
begin isolation level repeatable read;
select count(*) from gd_cancel_many(array(select i.id from gendurable.instances as i where i.fsm = 'rr')) \g /dev/null
select is_empty($$ select * from gendurable.trails as t join gendurable.kinds as k on k.id = t.kind where k.fsm = 'rr'
    $$, 'a cancellation in REPEATABLE READ moves no trail');
commit;

-- A cancellation that is undone undoes its trail; what it had cancelled is found.
select count(*) from gd_enqueue_many((select jsonb_agg(jsonb_build_object('fsm', 'undone', 'queue', 'p'))
    from generate_series(1, 1000) as n)) \g /dev/null
begin;
select count(*) from gd_cancel_many(array(select i.id from gendurable.instances as i where i.fsm = 'undone'))
    \g /dev/null
select isnt_empty($$ select * from gendurable.trails as t join gendurable.kinds as k on k.id = t.kind
    where k.fsm = 'undone' $$, '(it moves a trail)');
rollback;
call test.picks(:w, 5);
select is((select count(*)::int from gendurable.instances where fsm = 'undone' and phase = 'executing'), 50,
    'what was not cancelled after all is picked');
select * from finish();
