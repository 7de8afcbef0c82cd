-- A park's deadline × delivery: the step starts once, and it is handed the signal or the next park
-- finds it.
--
-- Race:      Deadline × delivery
-- Sessions:  A: signal to a park that is due open, B: pick and maintenance. A: deadline fires,
--            open, B: signal.
-- Guard:     SKIP LOCKED; the target's row lock.
-- Mutations: `_wake_due` locks without SKIP LOCKED → 1 waits.
\ir prelude.psql
select plan(10);
select test.open('a', 'b');
select gd_register('w') as w \gset

-- The delivery holds the park when its deadline is due: no session waits, and the wake-up brings the signal.
select id as i from gd_enqueue('M') \gset
select fence as f from gd_pick(:w, 'default', 1) \gset
select test.query('a', test.commit(:w, test.outcome(:i, :f, 'await', '{"names": ["paid"], "timeout_ms": -1}')));
select test.exec('a', 'begin');
select test.query('a', format($$ select gd_signal(%s, 'paid', '{"n": 1}') $$, :i));
select test.send('b', format($$ select id from gd_pick(%s, 'default', 1) $$, :w));
select ok(not test.is_blocked('b'), 'a pick does not wait for a delivery to a park that is due');
select is(test.answer('b'), '[]', 'and leaves it alone');
select test.send('b', 'select gd_expire_awaits()');
select ok(not test.is_blocked('b'), 'nor does maintenance wait');
select is(test.result(test.answer('b')), '0', 'which leaves it alone too');
select test.exec('a', 'commit');
select is((select jsonb_path_query_array(p.awaited, '$[*].payload.n') from gd_pick(:w, 'default', 5) as p), '[1]',
    'it starts once, with the signal');

-- The deadline first: the delivery waits, and the signal is not lost on the step that has started without it.
select id as i from gd_enqueue('M') \gset
select fence as f from gd_pick(:w, 'default', 1) \gset
select test.query('a', test.commit(:w, test.outcome(:i, :f, 'await', '{"names": ["paid"], "timeout_ms": -1}')));
select test.exec('a', 'begin');
select test.query('a', format($$ select id, fence, awaited from gd_pick(%s, 'default', 1) $$, :w)) -> 0 as p \gset
select is(:'p'::jsonb -> 'awaited', '[]', 'a pick fires the deadline and is in flight');
select test.send('b', format($$ select gd_signal(%s, 'paid', '{"n": 2}') $$, :i));
select ok(test.is_blocked('b'), 'a delivery waits for it');
select test.exec('a', 'commit');
select is(test.result(test.answer('b')), 'delivered', 'and is stored');
select test.query('a', test.commit(:w,
    test.outcome(:i, (:'p'::jsonb ->> 'fence')::bigint, 'await', '{"names": ["paid"]}')));
select is(test.phase(:i), 'ready', 'the next park is woken by it at once');
select is((select jsonb_path_query_array(p.awaited, '$[*].payload.n') from gd_pick(:w, 'default', 5) as p), '[2]',
    'and handed it');
select * from finish();
