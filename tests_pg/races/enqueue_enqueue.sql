-- Enqueue × enqueue of the same key: one instance, whichever comes first.
--
-- Race:      Enqueue × enqueue of one key
-- Sessions:  A: enqueue open, B: enqueue waits; commit, rollback, batch.
-- Guard:     The primary key of `correlation_keys`.
-- Mutations: Look, then insert → 23505.
\ir prelude.psql
select plan(16);
select test.open('a', 'b', 'c');

-- The first commits.
select test.exec('a', 'begin');
select test.query('a', $$ select * from gd_enqueue('M', correlation_key => 'k') $$) -> 0 as first \gset
select test.send('b', $$ select * from gd_enqueue('M', correlation_key => 'k') $$);
select ok(test.is_blocked('b'), 'an enqueue waits for one with the same key');
select test.send('c', $$ select * from gd_enqueue('M', correlation_key => 'other') $$);
select ok(not test.is_blocked('c'), 'and not for one with another key');
select test.answer('c');
select test.exec('a', 'commit');
select is(test.answer('b'), jsonb_build_array(:'first'::jsonb || '{"duplicate": true}'),
    'the second is a duplicate of the first');
select is((select count(*) from gendurable.instances as i where i.correlation_key = 'k'), 1::bigint,
    'there is one instance');

-- The first is undone.
select test.exec('a', 'begin');
select test.query('a', $$ select * from gd_enqueue('M', correlation_key => 'undone') $$);
select test.send('b', $$ select * from gd_enqueue('M', correlation_key => 'undone') $$);
select ok(test.is_blocked('b'), 'an enqueue waits for one that will be undone');
select test.exec('a', 'rollback');
select is(test.answer('b') -> 0 -> 'duplicate', 'false', 'and then is the first');
select is((select count(*) from gendurable.instances as i where i.correlation_key = 'undone'), 1::bigint,
    'there is one instance');

-- Batches: duplicates within the batch and of another session's in flight.
select test.exec('a', 'begin');
select test.query('a', $$ select * from gd_enqueue('M', correlation_key => 'k2') $$) -> 0 ->> 'id' as first \gset
select test.send('b', $$ select ord, duplicate, id from gd_enqueue_many(
    '[{"fsm": "M", "correlation_key": "k3"}, {"fsm": "M", "correlation_key": "k2"}, {"fsm": "M", "correlation_key": '
    '"k3"}, {"fsm": "M"}]') $$);
select ok(test.is_blocked('b'), 'a batch waits for an enqueue with a key of its own');
select test.exec('a', 'commit');
select test.answer('b') as answer \gset
select is(jsonb_path_query_array(:'answer', '$[*].duplicate'), '[false, true, true, false]',
    'its duplicates are told, within the batch and without');
select is(:'answer'::jsonb -> 1 ->> 'id', :'first', 'each with the id of its original');
select is(:'answer'::jsonb -> 2 -> 'id', :'answer'::jsonb -> 0 -> 'id', 'which may be of the same batch');

-- A duplicate holds nothing: its open transaction is in no other session's way.
select test.exec('a', 'begin');
select test.query('a', $$ select * from gd_enqueue('M', correlation_key => 'k') $$);
select test.send('b', $$ select * from gd_enqueue('M', correlation_key => 'k') $$);
select ok(not test.is_blocked('b'), 'an enqueue does not wait for one that was a duplicate');
select is(test.answer('b') -> 0 -> 'duplicate', 'true', 'and is one itself');
select test.exec('a', 'rollback');

-- A signal to a key in flight finds no instance, and does not wait.
select test.exec('a', 'begin');
select test.query('a', $$ select * from gd_enqueue('M', correlation_key => 'k4') $$);
select test.send('b', $$ select gd_signal('k4', 'paid') $$);
select ok(not test.is_blocked('b'), 'a signal does not wait for an enqueue in flight');
select is(test.result(test.answer('b')), 'no_target', 'and finds no instance');
select is(test.result(test.query('a', $$ select gd_signal('k4', 'paid') $$)), 'delivered',
    'in the enqueuing transaction itself it is delivered');
select test.exec('a', 'commit');
select * from finish();
