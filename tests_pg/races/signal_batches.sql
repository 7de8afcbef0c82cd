-- Two batches of signals to the same targets in opposite orders: neither they nor the workers of
-- the targets deadlock.
--
-- Race:      Two batches of signals
-- Sessions:  C holds the middle target; A: targets 1 2 3, B: targets 3 2 1.
-- Guard:     The targets are locked in the order of their ids.
-- Mutations: The caller's order → 40P01.
\ir prelude.psql
select plan(9);
select test.open('a', 'b', 'c');
select gd_register('w') as w \gset
select gd_enqueue_many('[{"fsm": "M", "correlation_key": "k1"}, {"fsm": "M"}, {"fsm": "M", "correlation_key": "k3"}]')
    \g /dev/null
select array_agg(i.id order by i.id) as ids from gendurable.instances as i \gset
create function test.letters(variadic targets jsonb[]) returns text
language sql as $$
    select format('select string_agg(result, '' '' order by ord) from gd_signal_many(%L)',
        (select jsonb_agg(jsonb_build_object('target', t.target, 'name', 'x') order by t.ordinality)
            from unnest(targets) with ordinality as t (target)))
$$;

-- Another session holds the target in the middle, so that both batches stop there or before, with a target in hand.
select test.exec('c', 'begin');
select test.query('c', format('select id from gendurable.instances where id = %s for no key update',
    (:'ids'::bigint[])[2]));
select test.send('a', test.letters('"k1"', to_jsonb((:'ids'::bigint[])[2]), '"k3"'));
select ok(test.is_blocked('a'), 'a batch waits with one target in hand');
select test.send('b', test.letters('"k3"', to_jsonb((:'ids'::bigint[])[2]), '"k1"'));
select ok(test.is_blocked('b'), 'a second one names the same targets in the opposite order');
select test.exec('c', 'rollback');
select is(test.result(test.answer('a')), 'delivered delivered delivered', 'the first batch is delivered');
select is(test.result(test.answer('b')), 'delivered delivered delivered', 'and so is the second');
select is((select array_agg(n.count) from (select count(*) from gendurable.signals as s group by s.instance_id) as n),
    '{2,2,2}', 'each target has both signals');

-- A batch waits for one target with others in hand: workers that pick and commit those do not wait for it.
select p.id as i, p.fence as f from gd_pick(:w, 'default', 1) as p \gset
select test.exec('c', 'begin');
select test.query('c', format('select id from gendurable.instances where id = %s for no key update',
    (:'ids'::bigint[])[3]));
select test.send('a', test.letters('"k3"', '"k1"'));
select ok(test.is_blocked('a'), 'a batch holds one target and waits for another');
select test.send('b', test.commit(:w, test.outcome(:i, :f, 'done')));
select ok(not test.is_blocked('b'), 'a commit of the target that it holds does not wait');
select is(test.results(test.answer('b')), 'busy', 'but is to be offered again');
select test.exec('c', 'rollback');
select is(test.result(test.answer('a')), 'delivered delivered', 'the batch is delivered');
select * from finish();
