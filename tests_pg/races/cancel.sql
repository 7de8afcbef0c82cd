-- Cancel × everything: it takes effect at once, once, and leaves no slot and no line behind.
--
-- Race:      Commit × cancel (1–14)
-- Sessions:  A: cancel open, B: commit of every kind, which is busy and then stale. A: done or next
--            open, B: cancel waits.
-- Guard:     The row lock; the fence.
-- Mutations: The commit locks without SKIP LOCKED → 2 waits.
--
-- Race:      Pick × cancel, cancel × cancel (15–18)
-- Sessions:  A: cancel open, B: pick, cancel.
-- Guard:     SKIP LOCKED; the row lock.
-- Mutations: The pick locks without SKIP LOCKED → 15 waits.
--
-- Race:      Cancel of a tree × schedule_children (19–26)
-- Sessions:  A: schedule_children of the root, or further down, open, B: cancel. A: cancel open, B:
--            schedule_children.
-- Guard:     The tree is looked at again once all of it is locked.
-- Mutations: It is looked at once → 20–23, 26, 31.
--
-- Race:      Cancel from below × cancel from above (27–39)
-- Sessions:  C holds the parent; A: from below, stopped after its locks; B: from above; and the
--            reverse.
-- Guard:     The parent that counts is locked together with its child, in the order of ids.
-- Mutations: The parent is not locked beforehand → 40P01; descending order → 40P01, or a wrong
--            count.
--
-- Race:      Cancel of what was offered a slot or tokens (40–46)
-- Sessions:  Offered, and cancelled before the claim. The head of a line that could never start.
-- Guard:     A cancel rings for concurrency keys and rate keys.
-- Mutations: It rings for executing instances only → 41; it does not ring → 41, 43; it does not
--            ring for rate keys → 45, 46 (stranded).
--
-- Race:      Retry × cancel (47–50)
-- Sessions:  A: cancel of what has ended, stopped in its second look at the tree; B: retry, pick
--            open.
-- Guard:     Only what was locked is cancelled.
-- Mutations: The cancel does not check that → 49 waits, 50 (answers 1 for an instance that goes
--            on).
\ir prelude.psql
select plan(50);
select test.open('a', 'b', 'c');
select gd_register('w', array['p', 'q']) as w, gd_register('v', array['p', 'q']) as v \gset
create function test.id(fsm text) returns bigint language sql as $$
    select i.id from gd_instances as i where i.fsm = id.fsm order by i.id desc limit 1 $$;
create function test.cancel(fsm text, cascade boolean default false) returns text
language sql as $$ select format('select gd_cancel(%s, cascade => %L)', test.id(fsm), cascade) $$;

-- Commit × cancel: the cancel first, of every kind.
create view late (kind, more) as
values ('done', '{}'::jsonb), ('stop', '{}'), ('next', '{"step": "two", "continue": true}'),
    ('next', '{"step": "two"}'), ('retry', '{}'),
    ('await', '{"names": ["x"]}'), ('schedule_children', '{"children": [{"fsm": "C"}]}');
select gd_enqueue('M', queue => 'p') \g /dev/null
select gd_pick(:w, 'p', 1) \g /dev/null
create temp table commits as select test.end(:w, 'M', l.kind, l.more) as query from late as l;
select test.exec('a', 'begin');
select is(test.result(test.query('a', test.cancel('M'))), '1', 'an executing instance is being cancelled');
select test.send('b', (select query from commits limit 1));
select ok(not test.is_blocked('b'), 'its commit does not wait');
select is(test.results(test.answer('b')), 'busy', 'and is to be offered again');
select is((select string_agg(distinct test.results(test.query('b', c.query)), ' ') from commits as c), 'busy',
    'of every kind');
select test.exec('a', 'commit');
select is((select string_agg(distinct test.results(test.query('b', c.query)), ' ') from commits as c), 'stale',
    'then every kind is stale');
select is((select error from gd_status(test.id('M'))), '{"kind": "cancelled", "reason": null}',
    'the instance is cancelled');
select is(test.phases(), null, 'and nothing else is there');
select is((select h.lost from gd_heartbeat(:w, array[test.id('M')]) as h), test.id('M'),
    'its worker hears of it with the next heartbeat');

-- The commit first: it finishes, and there is nothing to cancel; or it goes on, and is cancelled where it is.
select gd_enqueue('M', queue => 'p') \g /dev/null
select gd_pick(:w, 'p', 1) \g /dev/null
select test.exec('a', 'begin');
select test.query('a', test.end(:w, 'M'));
select test.send('b', test.cancel('M'));
select ok(test.is_blocked('b'), 'a cancel waits for a commit in flight');
select test.exec('a', 'commit');
select is(test.result(test.answer('b')), '0', 'an instance that has finished is not cancelled');
select is((select s.status from gd_status(test.id('M')) as s), 'done', 'it stays done');
select gd_enqueue('M', queue => 'p') \g /dev/null
select gd_pick(:w, 'p', 1) \g /dev/null
select test.exec('a', 'begin');
select test.query('a', test.end(:w, 'M', 'next', '{"step": "two", "continue": true}'));
select test.send('b', test.cancel('M'));
select ok(test.is_blocked('b'), 'a cancel waits for a step in flight');
select test.exec('a', 'commit');
select is(test.result(test.answer('b')), '1', 'and cancels the instance');
select is((select s.step || ' ' || s.status from gd_status(test.id('M')) as s), 'two failed',
    'in the step where it is');

-- Pick × cancel.
select gd_enqueue('M', queue => 'p') \g /dev/null
select test.exec('a', 'begin');
select test.query('a', test.cancel('M'));
select test.send('b', test.pick(:w, 'p'));
select ok(not test.is_blocked('b'), 'a pick does not wait for a cancel');
select is(test.names(test.answer('b')), 'nothing', 'and does not claim what is being cancelled');
select test.exec('a', 'commit');
-- Two cancels.
select gd_enqueue('M', queue => 'p') \g /dev/null
select test.exec('a', 'begin');
select test.query('a', test.cancel('M'));
select test.send('b', test.cancel('M'));
select ok(test.is_blocked('b'), 'a second cancel waits for the first');
select test.exec('a', 'commit');
select is(test.result(test.answer('b')), '0', 'and finds nothing to do');

-- Cascade × schedule_children: children that are created while the cascade waits are cancelled as well.
select gd_enqueue('R', queue => 'p') \g /dev/null
select gd_pick(:w, 'p', 1) \g /dev/null
select test.exec('a', 'begin');
select test.query('a', test.end(:w, 'R', 'schedule_children',
    '{"children": [{"fsm": "C1", "queue": "q"}, {"fsm": "C2", "queue": "q"}]}'));
select test.send('b', test.cancel('R', true));
select ok(test.is_blocked('b'), 'a cascade waits for the root that schedules children');
select test.exec('a', 'commit');
select is(test.result(test.answer('b')), '3', 'and cancels them too');
select is(test.phases(), null, 'all of them');
select gd_enqueue('R', queue => 'p') \g /dev/null
select gd_pick(:w, 'p', 1) \g /dev/null
select test.query('a', test.end(:w, 'R', 'schedule_children', '{"children": [{"fsm": "C1", "queue": "q"}]}'));
select gd_pick(:w, 'q', 1) \g /dev/null
select test.exec('a', 'begin');
select test.query('a', test.end(:w, 'C1', 'schedule_children',
    '{"children": [{"fsm": "G1", "queue": "q"}, {"fsm": "G2", "queue": "q"}]}'));
select test.send('b', test.cancel('R', true));
select ok(test.is_blocked('b'), 'so it does for one further down');
select test.exec('a', 'commit');
select is(test.result(test.answer('b')), '4', 'whose children it cancels too');
-- The cascade first: the children are not created.
select gd_enqueue('R', queue => 'p') \g /dev/null
select gd_pick(:w, 'p', 1) \g /dev/null
select test.end(:w, 'R', 'schedule_children', '{"children": [{"fsm": "C1", "queue": "q"}]}') as late \gset
select test.exec('a', 'begin');
select test.query('a', test.cancel('R', true));
select is(test.results(test.query('b', :'late')), 'busy', 'beside a cascade no children are scheduled');
select test.exec('a', 'commit');
select is(test.results(test.query('b', :'late')), 'stale', 'nor after it');
select is(test.phases(), null, 'no instance is left');

-- From below × from above: the cancel of a child counts it at its parent, the cascade takes the parent and then the
-- child.
select gd_enqueue('R', queue => 'p') \g /dev/null
select gd_pick(:w, 'p', 1) \g /dev/null
select test.query('a', test.end(:w, 'R', 'schedule_children',
    '{"children": [{"fsm": "C1", "queue": "q"}, {"fsm": "C2", "queue": "q"}]}'));
select test.id('R') as r \gset
select test.exec('c', 'begin');
select test.query('c', format('select id from gendurable.instances where id = %s for no key update', :r));
select test.send('a', test.cancel('C2'));
select ok(test.is_blocked('a'), 'a cancel from below waits for the parent, with nothing in hand');
select test.send('b', test.cancel('R', true));
select ok(test.is_blocked('b'), 'a cascade from above waits for it too');
select test.exec('c', 'commit');
select is(test.result(test.answer('a')), '1', 'the child is cancelled');
select is(test.result(test.answer('b')), '2', 'then the rest');
select is(test.phases(), null, 'no instance is left, and no session was a deadlock''s victim');
-- The one from below is at work: a gate stops it before it counts.
select gd_enqueue('R', queue => 'p') \g /dev/null
select gd_pick(:w, 'p', 1) \g /dev/null
select test.query('a', test.end(:w, 'R', 'schedule_children',
    '{"children": [{"fsm": "C1", "queue": "q"}, {"fsm": "C2", "queue": "q"}]}'));
create trigger gate before delete on gendurable.instances
    for each row when (old.fsm = 'C2') execute function test.gate('a');
select pg_advisory_lock(1) \g /dev/null
select test.send('a', test.cancel('C2'));
select ok(test.is_blocked('a'), 'a cancel from below is at work');
select test.send('b', test.cancel('R', true));
select ok(test.is_blocked('b'), 'a cascade from above waits for it');
select pg_advisory_unlock(1) \g /dev/null
select is(test.result(test.answer('a')), '1', 'the child is cancelled, and no session a deadlock''s victim');
select is(test.result(test.answer('b')), '2', 'then the rest');
drop trigger gate on gendurable.instances;
-- The one from above is at work.
select gd_enqueue('R', queue => 'p') \g /dev/null
select gd_pick(:w, 'p', 1) \g /dev/null
select test.query('a', test.end(:w, 'R', 'schedule_children',
    '{"children": [{"fsm": "C1", "queue": "q"}, {"fsm": "C2", "queue": "q"}]}'));
select test.exec('c', 'begin');
select test.query('c', format('select id from gendurable.instances where id = %s for no key update', test.id('C2')));
select test.send('b', test.cancel('R', true));
select ok(test.is_blocked('b'), 'a cascade holds the parent and waits for a child');
select test.send('a', test.cancel('C1'));
select ok(test.is_blocked('a'), 'a cancel from below waits for it');
select test.exec('c', 'commit');
select is(test.result(test.answer('b')), '3', 'the cascade goes on');
select is(test.result(test.answer('a')), '0', 'and leaves nothing to cancel');

-- What was offered a slot is cancelled before it is claimed: the slot goes to the next one.
select gd_enqueue('K1', queue => 'p', concurrency_key => 'k'),
    gd_enqueue('K2', queue => 'p', concurrency_key => 'k') \g /dev/null
select gd_pick(:w, 'r', 1) \g /dev/null
select is(test.phases(), 'K1 ready, K2 held', 'one is offered the slot');
select test.query('a', test.cancel('K1'));
select is(test.names(test.query('b', test.pick(:v, 'p'))), 'K2', 'and cancelled: the next one has it');
-- An executing one is cancelled.
select gd_enqueue('K3', queue => 'p', concurrency_key => 'k') \g /dev/null
select gd_pick(:w, 'p', 1) \g /dev/null
select test.exec('a', 'begin');
select test.query('a', test.cancel('K2'));
select is(test.names(test.query('b', test.pick(:v, 'p'))), 'nothing',
    'while a holder is being cancelled its slot is not free');
select test.exec('a', 'commit');
select is(test.names(test.query('b', test.pick(:v, 'p'))), 'K3', 'then it is');
-- The head of a line for tokens is cancelled, which it alone kept waiting.
select gd_set_rate_limit('r', 0, '1 hour', 2) \g /dev/null
select gd_enqueue('H', queue => 'p', rate_limit => 'r', weight => 2), gd_enqueue('L1', queue => 'p', rate_limit => 'r'),
    gd_enqueue('L2', queue => 'p', rate_limit => 'r') \g /dev/null
select gd_pick(:w, 'r', 1) \g /dev/null
select is((select string_agg(i.fsm || ' ' || i.phase, ', ' order by i.id) from gendurable.instances as i
    where i.rate_limit = 'r'), 'H ready, L1 throttled, L2 throttled', 'one is offered all tokens');
select test.query('a', test.cancel('H'));
select test.query('b', test.pick(:v, 'p', 0));
select is(test.names(test.query('b', test.pick(:v, 'p', 2))), 'L1 L2', 'and cancelled: the others have them');
select gd_set_rate_limit('s', 1, '1 hour', 2) \g /dev/null
do $$ begin perform gd_enqueue('H', queue => 'p', rate_limit => 's', weight => 9),
    gd_enqueue('L1', queue => 'p', rate_limit => 's'); end $$;
select gd_pick(:w, 'p', 1) \g /dev/null
select test.query('a', test.cancel('H'));
select is(test.names(test.query('b', test.pick(:v, 'p', 2))), 'L1',
    'so it is where the head of the line could never start');

-- A failed one is brought back, and picked, while it is being cancelled: a gate holds the cancel in its second look at
-- the tree.
select gd_enqueue('R', queue => 'p') \g /dev/null
select gd_pick(:w, 'p', 1) \g /dev/null
select test.query('b', test.end(:w, 'R', 'stop'));
select test.id('R') as r \gset
alter function gendurable._descendants rename to _tree_behind_gate;
create function gendurable._descendants(p_root bigint, p_cascade boolean) returns bigint[] language plpgsql stable as $$
begin
    if set_config('test.looks', coalesce(current_setting('test.looks', true), '') || '.', true) = '..' then
        perform pg_advisory_lock_shared(1);
        perform pg_advisory_unlock_shared(1);
    end if;
    return gendurable._tree_behind_gate(p_root, p_cascade);
end
$$;
select pg_advisory_lock(1) \g /dev/null
select test.send('a', test.cancel('R'));
select ok(test.is_blocked('a'), 'what ended is being cancelled');
select is(test.result(test.query('b', format('select gd_retry(%s)', :r))), 'retried', 'it is brought back');
select test.exec('b', 'begin');
select test.query('b', test.pick(:w, 'p'));
select pg_advisory_unlock(1) \g /dev/null
select ok(not test.is_blocked('a'), 'the cancel does not wait for the pick of it');
select test.exec('b', 'commit');
select is(test.result(test.answer('a')), '0', 'and does not say that it has cancelled it');
select * from finish();
