-- Children: every child is counted once, whatever happens at the same time, and the parent wakes
-- once.
--
-- Race:      The last two children in two transactions (1–10)
-- Sessions:  A: done of the first open, B: done of the second, which is busy and then counts; A
--            undone.
-- Guard:     The parent's row lock, taken before anything is written.
-- Mutations: Parents are not locked, or locked without SKIP LOCKED → 2 waits.
--
-- Race:      Two batches with children of two parents, in opposite orders (11–16)
-- Sessions:  A: stopped while it counts, B: children of the same parents.
-- Guard:     Parents are locked in the order of their ids, with SKIP LOCKED; the answer `busy`.
-- Mutations: Parents are not locked, or locked without SKIP LOCKED → 2 waits.
--
-- Race:      schedule_children × reap (17–30)
-- Sessions:  A: reap open, B: schedule_children, which is busy and then stale. A: schedule_children
--            open, B: reap; undone after the reap.
-- Guard:     The parent's row lock and its fence; children are created in the same transaction.
-- Mutations: The release locks without SKIP LOCKED → 23 waits.
--
-- Race:      A dead worker's child × the same child by another worker (31–36)
-- Sessions:  A: done by the new worker open, B: done by the late one.
-- Guard:     Fence and worker; either is enough here.
-- Mutations: Neither is checked → 31.
--
-- Race:      End of a child × cancel of its parent (37–46)
-- Sessions:  A: cancel of the parent open, B: done of a child, which is busy and then committed. A:
--            done open, B: cancel waits. A child of an earlier round after a revival.
-- Guard:     The parent's row lock; the round is part of the count.
-- Mutations: The round is not compared → 46.
--
-- Race:      gc × a parent that is still joining (47–49)
-- Sessions:  gc beside the last child's commit, and beside the parent's done.
-- Guard:     gc keeps the children of a living parent.
-- Mutations: It does not → 47, 48.
--
-- Race:      A child whose key a client's open transaction is taking × commit (50–57)
-- Sessions:  A: enqueue of the key open, B: a batch with that parent and another instance. The same
--            with two keys, B: a batch of five parents.
-- Guard:     A lock_timeout of 50 ms around the creation of the children of the whole batch, in one
--            block. Where it fails, each half is tried by itself.
-- Mutations: No time limit → 51; the time-out is not caught → the batch fails after 49; the batch
--            is not halved → 55, 57.
\ir prelude.psql
select plan(57);
select test.open('a', 'b', 'c');
select gd_register('w', array['p', 'q']) as w \gset
create procedure test.parent(worker bigint, children int default 2)
language plpgsql as $$
begin
    delete from gendurable.instances;
    perform gd_enqueue('P', queue => 'p');
    perform gd_pick(worker, 'p', 1);
    commit;
    if children > 0 then
        perform test.query('c', test.end(worker, 'P', 'schedule_children',
            jsonb_build_object('step', 'join', 'children',
            (select jsonb_agg(jsonb_build_object('fsm', 'C' || n, 'queue', 'q'))
                from generate_series(1, children) as n))));
    end if;
end
$$;
create function test.pending() returns int language sql as $$
    select i.children_pending from gd_instances as i where i.fsm = 'P' and i.finished_at is null $$;
create function test.join(worker bigint) returns text
language sql as $$
    select coalesce(string_agg(format('%s %s', p.step,
        (select string_agg(format('%s %s', c ->> 'fsm', c ->> 'status'), ', ' order by c ->> 'fsm')
                                                        from jsonb_array_elements(p.children) as c)), '; '), 'nothing')
    from gd_pick(worker, 'p', 9) as p
$$;

-- The last two children in two transactions.
call test.parent(:w);
select gd_pick(:w, 'q', 2) \g /dev/null
select test.exec('a', 'begin');
select is(test.results(test.query('a', test.end(:w, 'C1'))), 'committed', 'one of the last two children is finishing');
select test.send('b', test.end(:w, 'C2'));
select ok(not test.is_blocked('b'), 'the other one does not wait for it');
select is(test.results(test.answer('b')), 'busy', 'and is to be offered again');
select test.exec('a', 'commit');
select is(test.pending(), 1, 'the first one is counted');
select is(test.results(test.query('b', test.end(:w, 'C2'))), 'committed', 'then the other one');
select is(test.join(:w), 'join C1 done, C2 done', 'the parent runs with both');
select is(test.join(:w), 'nothing', 'once');

-- The same, the first one undone.
call test.parent(:w);
select gd_pick(:w, 'q', 2) \g /dev/null
select test.exec('a', 'begin');
select test.query('a', test.end(:w, 'C1'));
select test.exec('a', 'rollback');
select is(test.results(test.query('b', test.end(:w, 'C2', 'stop'))), 'committed',
    'a child finishes after another one''s commit was undone');
select is(test.pending(), 1, 'only the one is counted');
select test.query('a', test.end(:w, 'C1'));
select is(test.join(:w), 'join C1 done, C2 failed', 'the parent runs with both');

-- Two batches with children of two parents each, in opposite orders.
call test.parent(:w);
update gendurable.instances set fsm = 'P2' where fsm = 'P';
update gendurable.instances set fsm = 'D' || substr(fsm, 2) where fsm like 'C%';
select gd_enqueue('P', queue => 'p') \g /dev/null
select gd_pick(:w, 'p', 1) \g /dev/null
select test.query('c', test.end(:w, 'P', 'schedule_children',
    '{"step": "join", "children": [{"fsm": "C1", "queue": "q"}, {"fsm": "C2", "queue": "q"}]}'));
select gd_pick(:w, 'q', 4) \g /dev/null
create function test.ends(worker bigint, variadic names text[]) returns text
language sql as $$
    select test.commit(worker,
        variadic array(select test.outcome(i.id, i.fence, 'done') from unnest(names) with ordinality as n
                                              join gendurable.instances as i on i.fsm = n.n order by n.ordinality))
$$;
select id as p from gendurable.instances where fsm = 'P' \gset
create trigger gate before delete on gendurable.countdowns
    for each row when (old.parent_id <> 0) execute function test.gate('a');
select pg_advisory_lock(1) \g /dev/null
select test.send('a', test.ends(:w, 'C1', 'D1'));
select ok(test.is_blocked('a'), 'a batch with children of two parents is counting');
select test.send('b', test.ends(:w, 'D2', 'C2'));
select ok(not test.is_blocked('b'), 'one in the opposite order does not wait for it');
select is(test.results(test.answer('b')), 'busy busy', 'both are to be offered again');
select pg_advisory_unlock(1) \g /dev/null
select is(test.results(test.answer('a')), 'committed committed', 'the first one commits');
select is(test.results(test.query('b', test.ends(:w, 'D2', 'C2'))), 'committed committed', 'then the other one');
select is(test.join(:w), 'join D1 done, D2 done; join C1 done, C2 done', 'both parents run with their own');
drop trigger gate on gendurable.countdowns;

-- schedule_children × reap: the reaper first.
call test.parent(:w, 0);
select test.end(:w, 'P', 'schedule_children', '{"step": "join", "children": [{"fsm": "C1", "queue": "q"}]}')
    as late \gset
select test.exec('a', 'begin');
select is(test.result(test.query('a', format('select gd_reap(%s)', :w))), '1', 'a reaper is at work');
select test.send('b', :'late');
select ok(not test.is_blocked('b'), 'schedule_children does not wait for it');
select is(test.results(test.answer('b')), 'busy', 'and is to be offered again');
select test.exec('a', 'commit');
select is(test.results(test.query('b', :'late')), 'stale', 'then it is stale');
select is(test.phases(), 'P ready', 'and has no children');
-- The commit first.
select gd_register('w', array['p', 'q']) as w \gset
call test.parent(:w, 0);
select test.end(:w, 'P', 'schedule_children', '{"step": "join", "children": [{"fsm": "C1", "queue": "q"}]}')
    as late \gset
select test.exec('a', 'begin');
select is(test.results(test.query('a', :'late')), 'committed', 'schedule_children is in flight');
select test.send('b', format('select gd_reap(%s)', :w));
select ok(not test.is_blocked('b'), 'a reaper does not wait for it');
select is(test.result(test.answer('b')), '0', 'and leaves the claim alone');
select test.exec('a', 'commit');
select is(test.phases(), 'P awaiting_children, C1 ready', 'the parent waits for its child');
select is(test.pending(), 1, 'for one');
select is(test.results(test.query('b', :'late')), 'stale', 'the same again is stale');
select is((select count(*) from gendurable.instances as i where i.fsm = 'C1'), 1::bigint,
    'and creates no second child');
-- The commit is undone after its worker was reaped: no child, and the parent runs again.
select gd_register('w', array['p', 'q']) as w \gset
call test.parent(:w, 0);
select test.end(:w, 'P', 'schedule_children', '{"step": "join", "children": [{"fsm": "C1", "queue": "q"}]}')
    as late \gset
select test.exec('a', 'begin');
select test.query('a', :'late');
select test.query('b', format('select gd_reap(%s)', :w));
select test.exec('a', 'rollback');
select is(gd_reap(), 1, 'a commit that fails after its worker was reaped leaves the claim to the next reaper');
select is(test.phases(), 'P ready', 'and no child');

-- A late child: counted neither as the outcome of a dead worker nor twice.
select gd_register('w', array['p', 'q']) as w, gd_register('v', array['p', 'q']) as v \gset
call test.parent(:w);
select gd_pick(:w, 'q', 1) \g /dev/null
select test.end(:w, 'C1') as late \gset
select gd_reap(:w) \g /dev/null
select gd_pick(:v, 'q', 1) \g /dev/null
select is(test.results(test.query('b', :'late')), 'stale',
    'a dead worker''s child that another worker executes is not finished');
select is(test.pending(), 2, 'nor counted');
select test.exec('a', 'begin');
select is(test.results(test.query('a', test.end(:v, 'C1'))), 'committed', 'a child is finished by another worker');
select is(test.results(test.query('b', :'late')), 'stale', 'the dead worker''s commit beside it is stale');
select test.exec('a', 'commit');
select is(test.results(test.query('b', :'late')), 'stale', 'and after it');
select is(test.pending(), 1, 'the child is counted once');

-- Child finish × parent cancelled: the cancel first.
select gd_register('w', array['p', 'q']) as w \gset
call test.parent(:w);
select gd_pick(:w, 'q', 2) \g /dev/null
select id as p from gendurable.instances where fsm = 'P' \gset
select test.exec('a', 'begin');
select is(test.result(test.query('a', format('select gd_cancel(%s)', :p))), '1', 'a parent is being cancelled');
select test.send('b', test.end(:w, 'C1'));
select ok(not test.is_blocked('b'), 'its child does not wait for it');
select is(test.results(test.answer('b')), 'busy', 'and is to be offered again');
select test.exec('a', 'rollback');
select test.exec('a', 'begin');
select test.query('a', format('select gd_cancel(%s)', :p));
select test.exec('a', 'commit');
select is(test.results(test.query('b', test.end(:w, 'C1'))), 'committed', 'then it finishes');
select is((select s.status from gd_status(:p) as s), 'failed', 'the parent stays cancelled');
select is(test.phases(), 'C2 executing', 'no other instance is touched');
-- The child first.
call test.parent(:w);
select gd_pick(:w, 'q', 2) \g /dev/null
select id as p from gendurable.instances where fsm = 'P' \gset
select test.exec('a', 'begin');
select test.query('a', test.end(:w, 'C1'));
select test.send('b', format('select gd_cancel(%s)', :p));
select ok(test.is_blocked('b'), 'a cancel waits for the child that is being counted');
select test.exec('a', 'commit');
select is(test.result(test.answer('b')), '1', 'and cancels the parent');
-- A revived parent does not take the old children for new ones.
select gd_retry(:p) \g /dev/null
select gd_pick(:w, 'p', 1) \g /dev/null
select test.query('c', test.end(:w, 'P', 'schedule_children',
    '{"step": "join", "children": [{"fsm": "N1", "queue": "q"}, {"fsm": "N2", "queue": "q"}]}'));
select is(test.results(test.query('b', test.end(:w, 'C2'))), 'committed', 'a child of an earlier round finishes');
select is(test.pending(), 2, 'and is not counted for the new one');

-- GC × parent still joining: the child is old, its parent waits for the other one.
call test.parent(:w);
select gd_pick(:w, 'q', 2) \g /dev/null
select test.query('a', test.end(:w, 'C1'));
select test.exec('a', 'begin');
select test.query('a', test.end(:w, 'C2'));
select test.query('b', $$ select gd_gc('0') $$);
select test.exec('a', 'commit');
select gd_gc('0') \g /dev/null
select is(test.join(:w), 'join C1 done, C2 done',
    'children are kept for a parent that joins, though they are old and it is woken while gc runs');
select test.exec('a', 'begin');
select test.query('a', test.end(:w, 'P'));
select test.query('b', $$ select gd_gc('0') $$);
select is((select count(*) from gd_instances as i
    where i.fsm like 'C_' and i.status = 'done' and i.parent_id in (select p.id from gendurable.instances as p)),
    2::bigint,
    'and while it finishes');
select test.exec('a', 'rollback');
select test.query('a', test.end(:w, 'P'));
select pg_sleep(0.001) \g /dev/null
select gd_gc('0') \g /dev/null
select is((select count(*) from gd_instances as i where i.fsm like 'C_' and i.status = 'done'), 0::bigint,
    'then they go');

-- A child whose correlation key a client's open transaction is taking.
call test.parent(:w, 0);
select gd_enqueue('Q', queue => 'p') \g /dev/null
select gd_pick(:w, 'p', 1) \g /dev/null
select test.exec('a', 'begin');
select test.query('a', $$ select * from gd_enqueue('X', queue => 'r', correlation_key => 'k') $$);
select clock_timestamp() as started \gset
select test.results(test.query('b', test.commit(:w,
    (select test.outcome(i.id, i.fence, 'schedule_children',
        '{"children": [{"fsm": "C1", "queue": "q"}, {"fsm": "C2", "queue": "q", "correlation_key": "k"}]}')
        from gendurable.instances as i where i.fsm = 'P'),
    (select test.outcome(i.id, i.fence, 'done') from gendurable.instances as i where i.fsm = 'Q')))) as results \gset
select is(:'results'::text, 'busy committed',
    'a child''s key that a client is taking makes its parent busy; the rest commits');
select ok(clock_timestamp() - :'started'::timestamptz < interval '20 s', 'within 50 ms, give or take a slow machine');
select is(test.phases(), 'P executing', 'and no child is left behind');
select test.exec('a', 'rollback');
select is(test.results(test.query('b',
    test.end(:w, 'P', 'schedule_children', '{"children": [{"fsm": "C2", "queue": "q", "correlation_key": "k"}]}'))),
    'committed', 'then it commits');
select is(test.phases(), 'P awaiting_children, C2 ready', 'with its child');

-- Five parents in one batch, two of them with such a child.
delete from gendurable.instances;
select gd_enqueue('P' || n, queue => 'p') from generate_series(1, 5) as n \g /dev/null
select gd_pick(:w, 'p', 5) \g /dev/null
select test.exec('a', 'begin');
select test.query('a', $$
    select * from gd_enqueue_many(
        '[{"fsm": "X", "queue": "r", "correlation_key": "m"}, {"fsm": "Y", "queue": "r", "correlation_key": "n"}]') $$);
select test.results(test.query('b', test.commit(:w, variadic array(
    select test.outcome(i.id, i.fence, 'schedule_children',
        jsonb_build_object('children',
            jsonb_build_array(jsonb_build_object('fsm', 'of ' || i.fsm, 'queue', 'q', 'correlation_key',
            case i.fsm when 'P2' then 'm' when 'P4' then 'n' else 'k of ' || i.fsm end))))
    from gendurable.instances as i order by i.id)))) as results \gset
select is(:'results'::text, 'committed busy committed busy committed',
    'of five parents in a batch those whose child''s key a client is taking are busy');
select is((select string_agg(i.fsm || ' ' || i.phase, ', ' order by i.fsm) from gendurable.instances as i),
    'P1 awaiting_children, P2 executing, P3 awaiting_children, P4 executing, P5 awaiting_children, of P1 ready, of P3 '
    'ready, of P5 ready',
    'the others have their children, each its own');
select is((select string_agg(k.key, ', ' order by k.key) from gendurable.correlation_keys as k
    where k.key like 'k of%' or k.key in ('m', 'n')), 'k of P1, k of P3, k of P5', 'and these their keys');
select test.exec('a', 'rollback');
select * from finish();
