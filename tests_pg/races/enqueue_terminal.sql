-- Enqueue × end of the key's occupant: a duplicate while it lives, a new instance once it has
-- ended, and never neither.
--
-- Race:      Enqueue × end of the occupant
-- Sessions:  A: done open, B: enqueue; a stop between insert and look.
-- Guard:     The call looks again until it has the key or finds an occupant.
-- Mutations: `gd_enqueue` looks once → 16; a batch looks once → 18, 19.
\ir prelude.psql
select plan(19);
select test.open('a', 'b');
select gd_register('w') as w \gset
create function test.claim(worker bigint) returns jsonb
language sql as $$ select test.outcome(p.id, p.fence, 'done') from gd_pick(worker, 'default', 1) as p $$;

-- The occupant's end is in flight: the newcomer waits for it, because its key may be free or not.
select id as i from gd_enqueue('M', correlation_key => 'k') \gset
select test.claim(:w) as o \gset
select test.exec('a', 'begin');
select is(test.results(test.query('a', test.commit(:w, :'o'))), 'committed', 'the occupant is finishing');
select test.send('b', $$ select * from gd_enqueue('M', correlation_key => 'k') $$);
select ok(test.is_blocked('b'), 'an enqueue of its key waits for that');
select test.exec('a', 'commit');
select is(test.answer('b') -> 0 -> 'duplicate', 'false', 'and then is no duplicate');
select is((select k.instance_id > :i from gendurable.correlation_keys as k where k.key = 'k'), true,
    'the key has a new occupant');

-- The occupant's end is undone.
select test.claim(:w) as o \gset
select test.exec('a', 'begin');
select test.query('a', test.commit(:w, :'o'));
select test.send('b', $$ select * from gd_enqueue('M', correlation_key => 'k') $$);
select ok(test.is_blocked('b'), 'an enqueue waits for an end that will be undone');
select test.exec('a', 'rollback');
select is(test.answer('b') -> 0, jsonb_build_object('id', :'o'::jsonb -> 'id', 'duplicate', true),
    'and then is a duplicate');

-- Batches, with the end of one occupant in flight and that of another done.
select test.exec('a', 'begin');
select test.query('a', test.commit(:w, :'o'));
select test.send('b', $$ select duplicate
    from gd_enqueue_many('[{"fsm": "M", "correlation_key": "k"}, {"fsm": "M", "correlation_key": "k"}]') $$);
select ok(test.is_blocked('b'), 'a batch waits as well');
select test.exec('a', 'commit');
select is(jsonb_path_query_array(test.answer('b'), '$[*].duplicate'), '[false, true]',
    'and its first entry takes the key');

-- The enqueue first, its transaction open: the occupant's end does not wait, and the newcomer stays a duplicate of what
-- was there.
select test.claim(:w) as o \gset
select test.exec('a', 'begin');
select is(test.query('a', $$ select duplicate from gd_enqueue('M', correlation_key => 'k') $$), '[{"duplicate": true}]',
    'a duplicate is told so');
select test.send('b', test.commit(:w, :'o'));
select ok(not test.is_blocked('b'), 'its open transaction does not hold up the occupant');
select is(test.results(test.answer('b')), 'committed', 'which finishes');
select is(test.query('a', $$ select duplicate from gd_enqueue('M', correlation_key => 'k') $$),
    '[{"duplicate": false}]',
    'the same transaction may enqueue the key again');
select test.exec('a', 'commit');

-- The occupant finishes between the two looks of an enqueue: after the key was found occupied, before its occupant was
-- read. The gate stops it there.
create trigger gate after insert on gendurable.correlation_keys for each statement execute function test.gate('a');
select test.claim(:w) as o \gset
select pg_advisory_lock(1) \g /dev/null
select test.send('a', $$ select * from gd_enqueue('M', correlation_key => 'k') $$);
select ok(test.is_blocked('a'), 'an enqueue has found its key occupied');
select is(test.results(test.query('b', test.commit(:w, :'o'))), 'committed', 'the occupant finishes');
select pg_advisory_unlock(1) \g /dev/null
select test.answer('a') -> 0 as answer \gset
select is(:'answer'::jsonb -> 'duplicate', 'false', 'the enqueue is no duplicate');
select is((select to_jsonb(k.instance_id) from gendurable.correlation_keys as k where k.key = 'k'),
    :'answer'::jsonb -> 'id', 'and takes the freed key');
select test.claim(:w) as o \gset
select pg_advisory_lock(1) \g /dev/null
select test.send('a', $$ select duplicate
    from gd_enqueue_many('[{"fsm": "M", "correlation_key": "k"}, {"fsm": "M", "correlation_key": "k"}]') $$);
select ok(test.is_blocked('a'), 'a batch has found its key occupied');
select test.query('b', test.commit(:w, :'o'));
select pg_advisory_unlock(1) \g /dev/null
select is(jsonb_path_query_array(test.answer('a'), '$[*].duplicate'), '[false, true]', 'it takes the freed key');
select is((select count(*) from gendurable.instances as i join gendurable.correlation_keys as k
    on k.instance_id = i.id), 1::bigint,
    'in the end one instance occupies it');
select * from finish();
