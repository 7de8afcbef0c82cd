-- Park × delivery, in both orders: a signal that meets a park never leaves the instance asleep.
--
-- Race:      Park × delivery, in both orders; one signal and a batch
-- Sessions:  A: await open, B: signal. A: signal open, B: await, which is busy and offered again.
-- Guard:     The target's row lock; the park reads the inbox in a later statement, the batch reads
--            its targets in one.
-- Mutations: The park does not read the inbox → 9, 14, 15 (asleep); the delivery does not lock its
--            target → 4, 5; a batch does not lock its targets → 22, 25, 26, 27; the commit locks
--            without SKIP LOCKED → 11 waits.
\ir prelude.psql
select plan(27);
select test.open('a', 'b');
select gd_register('w') as w \gset

-- The park first: the delivery waits for it, and then wakes it.
select id as i from gd_enqueue('M') \gset
select fence as f from gd_pick(:w, 'default', 1) \gset
select test.exec('a', 'begin');
select is(test.results(test.query('a', test.commit(:w, test.outcome(:i, :f, 'await', '{"names": ["paid"]}')))),
    'committed', 'the park is in flight');
select test.send('b', format($$ select gd_signal(%s, 'paid', '{"n": 1}') $$, :i));
select ok(test.is_blocked('b'), 'a delivery waits for the park in flight');
select test.exec('a', 'commit');
select is(test.result(test.answer('b')), 'delivered', 'and is delivered');
select is(test.phase(:i), 'ready', 'park first: the delivery wakes it');
select is((select jsonb_path_query_array(p.awaited, '$[*].payload.n') from gd_pick(:w, 'default', 1) as p), '[1]',
    'the step is handed the signal');

-- The park first, and undone: the signal is kept for the park to come.
select id as i from gd_enqueue('M') \gset
select fence as f from gd_pick(:w, 'default', 1) \gset
select test.exec('a', 'begin');
select test.query('a', test.commit(:w, test.outcome(:i, :f, 'await', '{"names": ["paid"]}')));
select test.send('b', format($$ select gd_signal(%s, 'paid') $$, :i));
select ok(test.is_blocked('b'), 'a delivery waits for a park that will be undone');
select test.exec('a', 'rollback');
select is(test.result(test.answer('b')), 'delivered', 'it is delivered to the step that still executes');
select is(test.results(test.query('a', test.commit(:w, test.outcome(:i, :f, 'await', '{"names": ["paid"]}')))),
    'committed', 'the park is repeated');
select is(test.phase(:i), 'ready', 'and woken at once by what had arrived');
select count(*) from gd_pick(:w, 'default', 1) \g /dev/null

-- The delivery first: the park does not wait for it, and then finds it in the inbox.
select id as i from gd_enqueue('M') \gset
select fence as f from gd_pick(:w, 'default', 1) \gset
select test.exec('a', 'begin');
select is(test.result(test.query('a', format($$ select gd_signal(%s, 'paid', '{"n": 2}') $$, :i))), 'delivered',
    'the delivery is in flight');
select test.send('b', test.commit(:w, test.outcome(:i, :f, 'await', '{"names": ["paid"]}')));
select ok(not test.is_blocked('b'), 'a park does not wait for a delivery in flight');
select is(test.results(test.answer('b')), 'busy', 'but is to be offered again');
select test.exec('a', 'commit');
select is(test.results(test.query('b', test.commit(:w, test.outcome(:i, :f, 'await', '{"names": ["paid"]}')))),
    'committed', 'offered again it is accepted');
select is(test.phase(:i), 'ready', 'delivery first: the park finds it and goes on at once');
select is((select jsonb_path_query_array(p.awaited, '$[*].payload.n') from gd_pick(:w, 'default', 1) as p), '[2]',
    'the step is handed that signal');

-- The delivery first, and undone: the park sleeps.
select id as i from gd_enqueue('M') \gset
select fence as f from gd_pick(:w, 'default', 1) \gset
select test.exec('a', 'begin');
select test.query('a', format($$ select gd_signal(%s, 'paid') $$, :i));
select test.exec('a', 'rollback');
select is(test.results(test.query('b', test.commit(:w, test.outcome(:i, :f, 'await', '{"names": ["paid"]}')))),
    'committed', 'after an undone delivery');
select is(test.phase(:i), 'awaiting_signal', 'a park sleeps');

-- Two deliveries to one park, the first one open: the second waits and is delivered too, the park is woken once.
select test.exec('a', 'begin');
select test.query('a', format($$ select gd_signal(%s, 'paid', '{"n": 3}') $$, :i));
select test.send('b', format($$ select gd_signal(%s, 'paid', '{"n": 4}') $$, :i));
select ok(test.is_blocked('b'), 'a second delivery waits for the first');
select test.exec('a', 'commit');
select test.answer('b');
select is((select jsonb_path_query_array(p.awaited, '$[*].payload.n') from gd_pick(:w, 'default', 5) as p), '[3, 4]',
    'both are handed to the one wake-up');

-- The same of a batch, which stops at the first of its targets whose park is in flight.
select test.query('b', format($$ select gd_enqueue_many('[{"fsm": "M"}, {"fsm": "M"}]') $$));
select array_agg(p.id order by p.id) as ids, max(p.fence) as f from gd_pick(:w, 'default', 2) as p \gset
create function test.batch(ids bigint[], n int) returns text language sql as $$
    select format('select string_agg(result, '' '') from gd_signal_many(%L)',
                  (select jsonb_agg(jsonb_build_object('id', i, 'name', 'paid', 'payload', jsonb_build_object('n', n)))
                      from unnest(ids) as i))
$$;
select test.exec('a', 'begin');
select test.query('a', test.commit(:w, test.outcome((:'ids'::bigint[])[2], :f, 'await', '{"names": ["paid"]}')));
select test.send('b', test.batch(:'ids', 5));
select ok(test.is_blocked('b'), 'a batch waits for the park in flight');
select test.exec('a', 'commit');
select is(test.result(test.answer('b')), 'delivered delivered', 'and is delivered');
select is(test.phase((:'ids'::bigint[])[2]), 'ready', 'park first: the batch wakes it');
select is(test.phase((:'ids'::bigint[])[1]), 'executing', 'and leaves its other target at work');

select test.exec('a', 'begin');
select is(test.result(test.query('a', test.batch(array[(:'ids'::bigint[])[1]], 6))), 'delivered',
    'a batch is in flight');
select test.send('b', test.commit(:w, test.outcome((:'ids'::bigint[])[1], :f, 'await', '{"names": ["paid"]}')));
select is(test.results(test.answer('b')), 'busy', 'a park does not wait for it');
select test.exec('a', 'commit');
select is(test.results(test.query('b',
    test.commit(:w, test.outcome((:'ids'::bigint[])[1], :f, 'await', '{"names": ["paid"]}')))), 'committed',
    'offered again it is accepted');
select results_eq(format($$
    select jsonb_path_query_array(p.awaited, '$[*].payload.n') from gd_pick(%s, 'default', 5) as p order by p.id $$,
    :w),
    $$ values ('[5, 6]'::jsonb), ('[5]') $$, 'and goes on at once, with both signals; so does the one that was woken');
select * from finish();
