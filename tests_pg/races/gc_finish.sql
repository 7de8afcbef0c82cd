-- gc × an end: what ends now is not forgotten, and neither waits for the other.
--
-- Race:      gc × an end
-- Sessions:  A: done open, B: gc(0); and the reverse. A transaction that is older than the end.
-- Guard:     The cut-off of gc is the start of its transaction.
-- Mutations: `clock_timestamp()` → 10, 11, 15; no maintenance lock → 14, 15.
\ir prelude.psql
select plan(19);
select test.open('a', 'b');
select gd_register('w') as w \gset
select gd_enqueue_many((select jsonb_agg('{"fsm": "M"}'::jsonb) from generate_series(1, 8))) \g /dev/null
create function test.claim(worker bigint) returns jsonb
language sql as $$ select test.outcome(p.id, p.fence, 'done') from gd_pick(worker, 'default', 1) as p $$;

-- A commit in flight: gc does not see it, forgets nothing and waits for nothing.
select test.claim(:w) as o \gset
select test.exec('a', 'begin');
select is(test.results(test.query('a', test.commit(:w, :'o'))), 'committed', 'an instance is finishing');
select test.send('b', $$ select gd_gc('0') $$);
select ok(not test.is_blocked('b'), 'gc does not wait for it');
select is(test.result(test.answer('b')), '0', 'and does not count it');
select test.exec('a', 'commit');
select is((select s.status from gd_status((:'o'::jsonb ->> 'id')::bigint) as s), 'done', 'it is remembered');

-- gc is in flight and holds what it forgets: a commit goes on, and what it finished stays.
select test.claim(:w) as o \gset
select test.exec('a', 'begin');
select is(test.result(test.query('a', $$ select gd_gc('0') $$)), '1', 'gc is at work');
select test.send('b', test.commit(:w, :'o'));
select ok(not test.is_blocked('b'), 'a commit does not wait for gc');
select is(test.results(test.answer('b')), 'committed', 'and does not fail');
select test.exec('a', 'commit');
select is((select s.status from gd_status((:'o'::jsonb ->> 'id')::bigint) as s), 'done',
    'what finished meanwhile is remembered');
select is(gd_gc('0'), 1, 'and forgotten in its turn, once');

-- gc's transaction is older than the finish: `now` is the one of gc.
select test.claim(:w) as o \gset
select test.exec('a', 'begin');
select test.query('a', 'select now()');
select test.query('b', test.commit(:w, :'o'));
select is(test.result(test.query('a', $$ select gd_gc('0') $$)), '0',
    'what finished after gc began is not old, whatever the retention');
select test.exec('a', 'commit');
select is((select s.status from gd_status((:'o'::jsonb ->> 'id')::bigint) as s), 'done', 'it is remembered');

-- Two gcs: neither waits, and each instance is forgotten and counted once.
select test.claim(:w) as o1, test.claim(:w) as o2, test.claim(:w) as o3 \gset
select test.query('b', test.commit(:w, :'o1', :'o2', :'o3'));
select test.exec('a', 'begin');
select is(test.result(test.query('a', $$ select gd_gc('0', batch => 2) $$)), '2', 'one gc is in the middle of it');
select test.send('b', $$ select gd_gc('0') $$);
select ok(not test.is_blocked('b'), 'another gc does not wait for it');
select is(test.result(test.answer('b')), '0', 'and leaves the work to it');
select test.exec('a', 'commit');
select is(gd_gc('0'), 2, 'what the first one left is for the next');

-- A reader of what gc forgets is in no other session's way.
select test.claim(:w) as o \gset
select test.query('b', test.commit(:w, :'o'));
select test.exec('a', 'begin');
select test.query('a', 'select id from gd_instances');
select test.send('b', $$ select gd_gc('0') $$);
select ok(not test.is_blocked('b'), 'gc does not wait for a long reader');
select is(test.result(test.answer('b')), '1', 'and forgets row by row');
select test.claim(:w) as o \gset
select test.send('b', test.commit(:w, :'o'));
select ok(not test.is_blocked('b'), 'nor does the next commit wait');
select is(test.results(test.answer('b')), 'committed', 'which is accepted');
select test.exec('a', 'commit');
select * from finish();
