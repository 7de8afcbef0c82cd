-- Two batches with the same new keys in opposite orders never deadlock, nor do they when a key was
-- freed meanwhile.
--
-- Race:      Two batches with the same new keys in opposite orders
-- Sessions:  C holds the middle key; A: 1 2 3, B: 3 2 1. A key is freed while A waits with a later
--            one in hand.
-- Guard:     Keys are taken in their order; a batch that finds a freed key starts over.
-- Mutations: The order of the entries → 40P01; the batch does not start over → 12 (40P01).
\ir prelude.psql
select plan(15);
select test.open('a', 'b', 'c');
create function test.entries(variadic keys text[]) returns text
language sql as $$
    select format('select ord, duplicate, id from gd_enqueue_many(%L)',
        (select jsonb_agg(jsonb_build_object('fsm', 'M', 'correlation_key', k.key) order by k.ordinality)
            from unnest(keys) with ordinality as k (key)))
$$;

-- Another session holds the key in the middle, so that both batches stop there or before, with a key in hand.
select test.exec('c', 'begin');
select test.query('c', $$ select * from gd_enqueue('M', correlation_key => 'k2') $$);
select test.send('a', test.entries('k1', 'k2', 'k3'));
select ok(test.is_blocked('a'), 'a batch waits with one key in hand');
select test.send('b', test.entries('k3', 'k2', 'k1'));
select ok(test.is_blocked('b'), 'a second one names the same keys in the opposite order');
select test.exec('c', 'rollback');
select is(jsonb_path_query_array(test.answer('a'), '$[*].duplicate'), '[false, false, false]',
    'the first batch gets all keys');
select is(jsonb_path_query_array(test.answer('b'), '$[*].duplicate'), '[true, true, true]', 'the second one none');
select is((select count(*) from gendurable.instances), 3::bigint, 'each key has one instance');

-- Entries come back in the caller's order.
select test.query('a', test.entries('z', 'k1', 'a')) as answer \gset
select is(jsonb_path_query_array(:'answer', '$[*].ord'), '[1, 2, 3]', 'answers are in the order of the entries');
select is(jsonb_path_query_array(:'answer', '$[*].duplicate'), '[false, true, false]',
    'whatever the order of the keys');

-- A key that is occupied when a batch looks at it and free a moment later: the batch holds later keys by then. In
-- between, another batch takes the freed key and wants those.
select gd_register('w') as w \gset
delete from gendurable.instances;
delete from gendurable.correlation_keys;
select gd_enqueue('M', correlation_key => 'k1') \g /dev/null
select id as i, fence as f from gd_pick(:w, 'default', 1) \gset
select test.exec('c', 'begin');
select test.query('c', $$ select * from gd_enqueue('M', correlation_key => 'k3') $$);
select test.send('a', test.entries('k1', 'k2', 'k3'));
select ok(test.is_blocked('a'), 'a batch has passed an occupied key and waits with a later one in hand');
select is((select c.result from gd_commit(:w, jsonb_build_array(test.outcome(:i, :f, 'done'))) as c), 'committed',
    'the occupant finishes');
select test.send('b', test.entries('k2', 'k1'));
select ok(test.is_blocked('b'), 'another batch takes the freed key and waits for the later one');
select test.exec('c', 'rollback');
select lives_ok($$ create temp table a as select test.answer('a') as answer $$, 'the first batch succeeds');
select lives_ok($$ create temp table b as select test.answer('b') as answer $$, 'and so does the second');
select is((select count(*) from gendurable.instances as i where i.correlation_key = 'k1'), 1::bigint,
    'the freed key has one new instance');
select is((select count(*) from gendurable.instances as i where i.correlation_key = 'k2'), 1::bigint,
    'and so has the later one');
select is((select count(*) from gendurable.correlation_keys as k join gendurable.instances as i
    on i.id = k.instance_id and i.correlation_key = k.key), 3::bigint,
    'every key has its occupant');
select * from finish();
