-- A client's open transaction holds one instance of a batch: that outcome is busy at once, the
-- others are committed, and the outcome is offered again.
--
-- Race:      A client's open transaction × commit of a batch
-- Sessions:  A: signal to one of six instances open, B: commit of all six.
-- Guard:     SKIP LOCKED; the answer `busy`.
-- Mutations: No SKIP LOCKED → 1 waits; FOR UPDATE instead of FOR NO KEY UPDATE → 15; `stale` for
--            `busy` → 2, 5, 9.
\ir prelude.psql
select plan(17);
select test.open('a', 'b');
select gd_register('w') as w \gset
create function test.batch(worker bigint) returns text
language sql as $$
    select test.commit(worker, variadic array_agg(test.outcome(i.id, i.fence, o.kind, o.more) order by i.id))
    from gendurable.instances as i
    join (values ('done', 'done', '{}'::jsonb), ('stop', 'stop', '{}'), ('next', 'next', '{"step": "two"}'),
        ('retry', 'retry', '{}'),
                 ('ahead', 'next', '{"step": "two", "continue": true}'), ('await', 'await', '{"names": ["paid"]}'))
                 as o (fsm, kind, more) on o.fsm = i.fsm
    where i.phase = 'executing'
$$;
create function test.of(fsm text) returns bigint language sql as $$
    select i.id from gendurable.instances as i where i.fsm = of.fsm $$;
select gd_enqueue_many('[{"fsm": "done", "correlation_key": "k"}, {"fsm": "stop"}, {"fsm": "next"}, {"fsm": "retry"}, '
    '{"fsm": "ahead"}, {"fsm": "await"}]') \g /dev/null

-- A client's signal, in the middle of its transaction, to one that is about to finish.
select gd_pick(:w, 'default', 6) \g /dev/null
select test.exec('a', 'begin');
select test.query('a', $$ select gd_signal('k', 'late') $$);
select test.batch(:w) as batch \gset
select test.send('b', :'batch');
select ok(not test.is_blocked('b'), 'a commit waits for no other transaction');
select test.answer('b') as answer \gset
select is(test.results(:'answer'), 'busy committed committed committed continued committed',
    'the outcome whose row is held is busy, the others commit');
select is((:'answer'::jsonb -> 0 ->> 'fence')::bigint, test.fence(test.of('done')),
    'busy repeats the fence that was sent');
select is(test.phase(test.of('done')), 'executing', 'its claim is still held');
select is(test.results(test.query('b', :'batch')), 'busy stale stale stale stale stale',
    'offered again too early it is busy again; what had been accepted is stale');
select test.exec('a', 'commit');
select is(test.results(test.query('b', :'batch')), 'committed stale stale stale stale stale',
    'offered again when the transaction is over, it commits');
select is_empty($$ select from gendurable.signals $$, 'and takes the signal that had held it up into the grave');
select is_empty($$ select from gendurable.correlation_keys $$, 'its key is free');

-- Each kind in turn is the one that is held, by a plain row lock.
create function test.held(fsm text, worker bigint, mode text default 'no key update') returns text
language plpgsql as $$
declare
    v_batch   text;
    v_answers jsonb;
    v_first   text;
begin
    perform test.exec('a', 'begin');
    perform test.query('a', format('select 1 as one from (select from gendurable.instances where id = %s for %s) as i',
        test.of(fsm), mode));
    v_batch := test.batch(worker);
    perform test.send('b', v_batch);
    if test.is_blocked('b') then
        perform test.exec('a', 'rollback');
        perform test.answer('b');
        return 'waits';
    end if;
    v_answers := test.answer('b');
    perform test.exec('a', 'rollback');
    select test.results(test.query('b', test.commit(worker, test.outcome(i.id, i.fence, o.kind, o.more)))) into v_first
    from gendurable.instances as i
    join (values ('stop', 'stop', '{}'::jsonb), ('next', 'next', '{"step": "two"}'), ('retry', 'retry', '{}'),
                 ('ahead', 'next', '{"step": "two", "continue": true}'), ('await', 'await', '{"names": ["paid"]}'))
                 as o (fsm, kind, more) on o.fsm = i.fsm
    where i.fsm = held.fsm;
    return format('%s, then %s', test.results(v_answers), v_first);
end
$$;
create function test.again(worker bigint) returns void
language plpgsql as $$
begin
    delete from gendurable.instances;
    perform gd_enqueue_many('[{"fsm": "stop"}, {"fsm": "next"}, {"fsm": "retry"}, {"fsm": "ahead"}, {"fsm": "await"}]');
    perform gd_pick(worker, 'default', 5);
end
$$;
select test.again(:w);
select is(test.held('stop', :w), 'busy committed committed continued committed, then committed',
    'stop is busy and then commits');
select test.again(:w);
select is(test.held('next', :w), 'committed busy committed continued committed, then committed',
    'next is busy and then commits');
select test.again(:w);
select is(test.held('retry', :w), 'committed committed busy continued committed, then committed',
    'retry is busy and then commits');
select test.again(:w);
select is(test.held('ahead', :w), 'committed committed committed busy committed, then continued',
    'running ahead is busy and then continues');
select test.again(:w);
select is(test.held('await', :w), 'committed committed committed continued busy, then committed',
    'await is busy and then commits');
select test.again(:w);
select is(test.held('next', :w, 'update'), 'committed busy committed continued committed, then committed',
    'a full lock makes it busy too');
select test.again(:w);
select is(test.held('next', :w, 'key share'), 'committed committed committed continued committed, then stale',
    'a foreign key''s lock is in no other session''s way');

-- A transaction that only found a duplicate, or that holds another instance, is in no other session's way.
select test.again(:w);
select gd_enqueue('keyed', correlation_key => 'k2', priority => -1) \g /dev/null
select id as i, fence as f from gd_pick(:w, 'default', 1) \gset
select test.exec('a', 'begin');
select test.query('a', $$ select * from gd_enqueue('keyed', correlation_key => 'k2') $$);
select test.send('b', test.commit(:w, test.outcome(:i, :f, 'done')));
select ok(not test.is_blocked('b'), 'a transaction that found the key occupied does not hold up its occupant');
select is(test.results(test.answer('b')), 'committed', 'which finishes');
select test.exec('a', 'rollback');
select * from finish();
