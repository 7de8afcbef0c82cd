-- Isolation levels × park, pick, delivery and a change of a limit: a call at another level than
-- READ COMMITTED may fail, and loses no wake-up.
--
-- Race:      Isolation levels
-- Sessions:  A: REPEATABLE READ with an old snapshot; B: deliver, park, finish, pick, hold back,
--            each committed; A goes on, or sets a limit.
-- Guard:     GD004; what an insert returned counts before what a snapshot shows; the pick, not the
--            setter of a limit, looks for instances that wait.
-- Mutations: `gd_commit` does not refuse with GD004 → 2 (asleep on a signal); `gd_pick` does not →
--            14 (two execute); the setter of a rate limit does not ring → 17; the result of the
--            insert is ignored → 6, 8, 10; the setter of a concurrency limit looks itself → 15.
--
-- Race:      Cancel of a child in REPEATABLE READ × a commit of its siblings (18–19)
-- Sessions:  A: snapshot taken; B: done of two children; A: cancel of the third.
-- Guard:     The count deletes the row that it replaces, so a count that was made since makes it
--            fail.
-- Mutations: The count only inserts → 18, 19 (the parent sleeps for ever).
\ir prelude.psql
select plan(19);
select test.open('a', 'b');
select gd_register('w') as w \gset
\set park '{"names": ["paid"]}'

-- Whether the query succeeds or fails; the session's transaction is over in either case.
create function test.attempt(query text) returns text
language plpgsql as $$
begin
    perform test.query('a', query);
    perform test.exec('a', 'commit');
    return 'accepted';
exception when others then  -- whatever the reason: what counts is what is left behind
    perform test.exec('a', 'rollback');
    return 'refused';
end
$$;

-- The park's snapshot is older than a delivery. The target has been signalled before, so the delivery leaves no trace
-- in its row.
select id as i from gd_enqueue('M') \gset
select fence as f from gd_pick(:w, 'default', 1) \gset
select gd_signal(:i, 'other') \g /dev/null
select test.exec('a', 'begin isolation level repeatable read');
select test.query('a', 'select 1');
select is(test.result(test.query('b', format($$ select gd_signal(%s, 'paid') $$, :i))), 'delivered',
    'a signal is delivered after the snapshot of a park');
select test.attempt(test.commit(:w, test.outcome(:i, :f, 'await', :'park'))) \g /dev/null
select isnt(test.phase(:i), 'awaiting_signal', 'the park does not sleep on it: it is refused, or woken at once');

-- The delivery's snapshot is older than a park.
delete from gendurable.instances;
select id as i from gd_enqueue('M') \gset
select fence as f from gd_pick(:w, 'default', 1) \gset
select test.exec('a', 'begin isolation level repeatable read');
select test.query('a', 'select 1');
select is(test.results(test.query('b', test.commit(:w, test.outcome(:i, :f, 'await', :'park')))), 'committed',
    'a park commits after the snapshot of a delivery');
select test.attempt(format($$ select gd_signal(%s, 'paid') $$, :i)) as attempt \gset
select is(test.phase(:i), case :'attempt' when 'refused' then 'awaiting_signal' else 'ready' end,
    'the delivery is refused, or wakes it');

-- An enqueue's snapshot is older than the end of the key's occupant.
delete from gendurable.instances;
select id as i from gd_enqueue('M', correlation_key => 'k') \gset
select fence as f from gd_pick(:w, 'default', 1) \gset
select test.exec('a', 'begin isolation level repeatable read');
select test.query('a', 'select 1');
select is(test.results(test.query('b', test.commit(:w, test.outcome(:i, :f, 'done')))), 'committed',
    'an occupant finishes after the snapshot of an enqueue');
select test.attempt($$ select * from gd_enqueue('M', correlation_key => 'k') $$) \g /dev/null
select is_empty($$ select k.key from gendurable.correlation_keys as k
    where k.instance_id not in (select i.id from gendurable.instances as i) $$,
    'the enqueue is refused, a duplicate of what its snapshot shows, or takes the key: but no key is left without an '
    'instance');
select isnt((select e.duplicate from gd_enqueue('M', correlation_key => 'k2') as e), true, 'another key is free');
select ok((select not e.duplicate or exists (select from gendurable.instances as i where i.id = e.id)
    from gd_enqueue('M', correlation_key => 'k') as e),
    'and so is this one, unless it has a living occupant');

-- The same with a batch.
delete from gendurable.instances;
delete from gendurable.correlation_keys;
select id as i from gd_enqueue('M', correlation_key => 'k') \gset
select fence as f from gd_pick(:w, 'default', 1) \gset
select test.exec('a', 'begin isolation level repeatable read');
select test.query('a', 'select 1');
select is(test.results(test.query('b', test.commit(:w, test.outcome(:i, :f, 'done')))), 'committed',
    'an occupant finishes after the snapshot of a batch');
select test.attempt($$ select *
    from gd_enqueue_many('[{"fsm": "M", "correlation_key": "k"}, {"fsm": "M", "correlation_key": "j"}]') $$)
    \g /dev/null
select is_empty($$ select k.key from gendurable.correlation_keys as k
    where k.instance_id not in (select i.id from gendurable.instances as i) $$,
    'no key is left without an instance');

-- Two picks, the second one with a snapshot from before the first.
delete from gendurable.instances;
delete from gendurable.correlation_keys;
select gd_enqueue('M') \g /dev/null
select test.exec('a', 'begin isolation level repeatable read');
select test.query('a', 'select 1');
select is(jsonb_array_length(test.query('b', format($$ select id from gd_pick(%s, 'default', 1) $$, :w))), 1,
    'a row is picked after the snapshot of another pick');
select i.fence as f from gendurable.instances as i \gset
select test.attempt(format($$ select id from gd_pick(%s, 'default', 1) $$, :w)) \g /dev/null
select is((select i.fence from gendurable.instances as i), :f, 'which does not claim it again');

-- The same with two rows of one concurrency key, both of them offered its slot.
delete from gendurable.instances;
select gd_enqueue('M', concurrency_key => 'k'), gd_enqueue('N', queue => 'q', concurrency_key => 'k') \g /dev/null
update gendurable.instances set phase = 'ready';
delete from gendurable.doorbells where kind <> 'tokens';
select test.exec('a', 'begin isolation level repeatable read');
select test.query('a', 'select 1');
select is(test.names(test.query('b', test.pick(:w))), 'M',
    'the slot of a key is taken after the snapshot of another pick');
select test.attempt(test.pick(:w, 'q')) \g /dev/null
select is((select count(*) from gendurable.instances as i where i.phase = 'executing'), 1::bigint,
    'which does not take it again');
-- The snapshot of a session that sets a limit is older than an instance that waits for it.
delete from gendurable.instances;
select gd_set_concurrency_limit('k', 0) \g /dev/null
select test.exec('a', 'begin isolation level repeatable read');
select test.query('a', 'select 1');
select gd_enqueue('K', concurrency_key => 'k') \g /dev/null
select test.query('b', test.pick(:w));
select test.attempt($$ select gd_set_concurrency_limit('k', 1) $$) as attempt \gset
select is(test.names(test.query('b', test.pick(:w))), case :'attempt' when 'refused' then 'nothing' else 'K' end,
    'a limit on slots is refused, or tells who waits');
select test.exec('a', 'begin isolation level serializable');
select test.query('a', 'select 1');
select gd_enqueue('R', rate_limit => 'r') \g /dev/null
select test.query('b', test.pick(:w));
select isnt(test.attempt($$ select gd_set_rate_limit('r', 1, '1 day', 9) $$), 'refused',
    'a rate limit is set in any isolation');
select is(test.names(test.query('b', test.pick(:w, 'default', 9))), 'R',
    'and the pick that answers finds who waits, though the setter''s snapshot is older');

-- The snapshot of a cancel is older than a count at the same barrier: the parent's row shows no trace of that.
delete from gendurable.instances;
select gd_enqueue('P', queue => 'p') \g /dev/null
select test.query('b', test.pick(:w, 'p')) \g /dev/null
select test.query('b', test.end(:w, 'P', 'schedule_children',
    '{"step": "join", "children": [{"fsm": "C1", "queue": "q"}, {"fsm": "C2", "queue": "q"}, {"fsm": "C3", "queue": '
    '"q"}]}')) \g /dev/null
select test.query('b', test.pick(:w, 'q', 3)) \g /dev/null
select i.id as c3 from gendurable.instances as i where i.fsm = 'C3' \gset
select test.exec('a', 'begin isolation level repeatable read');
select test.query('a', 'select 1');
select test.query('b', test.commit(:w,
    variadic array(select test.outcome(i.id, i.fence, 'done') from gendurable.instances as i
        where i.fsm in ('C1', 'C2')))) \g /dev/null
select test.attempt(format('select gd_cancel(%s)', :c3)) as attempt \gset
select is((select v.children_pending from gd_instances as v where v.fsm = 'P'),
    case :'attempt' when 'refused' then 1 else 0 end,
    'a child that is cancelled is counted on top of what was counted since, or refused');
select gd_cancel(:c3) \g /dev/null
select is(test.phases(), 'P ready', 'and its parent is woken by the last one');
select * from finish();
