-- A park × signals that were presented: every signal that the step was not handed wakes the park,
-- and none that it was handed does.
--
-- Race:      Park again × presented signals
-- Sessions:  A signal is sent while a pick stands between locking and claiming the row.
-- Guard:     The pick holds the row before it reads the inbox, and marks exactly what it hands out.
-- Mutations: `presented` is ignored → 3, 7 (the instance spins); a next does not clear it → 9; the
--            pick does not lock the row → 11.
\ir prelude.psql
select plan(23);
select test.open('a', 'b');
select gd_register('w') as w \gset
\set park '{"names": ["paid"]}'

-- Handed once, a signal does not wake the next park: no spin. A redelivery in flight does.
select id as i from gd_enqueue('M') \gset
select fence as f from gd_pick(:w, 'default', 1) \gset
select test.query('a', test.commit(:w, test.outcome(:i, :f, 'await', :'park')));
select test.query('a', format($$ select gd_signal(%s, 'paid', '{"n": 1}') $$, :i));
select fence as f from gd_pick(:w, 'default', 1) \gset
select test.exec('a', 'begin');
select test.query('a', format($$ select gd_signal(%s, 'paid', '{"n": 2}') $$, :i));
select is(test.results(test.query('b', test.commit(:w, test.outcome(:i, :f, 'await', :'park')))), 'busy',
    'a park is to be offered again while another signal is on its way');
select test.exec('a', 'rollback');
select is(test.results(test.query('b', test.commit(:w, test.outcome(:i, :f, 'await', :'park')))), 'committed',
    'a step that was handed the signal parks again');
select is(test.phase(:i), 'awaiting_signal', 'what it was handed does not wake it');
select test.query('a', format($$ select gd_signal(%s, 'paid', '{"n": 3}') $$, :i));
select is(test.phase(:i), 'ready', 'another signal does');
select fence as f, jsonb_path_query_array(awaited, '$[*].payload.n') as awaited from gd_pick(:w, 'default', 1) \gset
select is(:'awaited'::jsonb, '[1, 3]', 'packs accumulate');

-- The presented set lives through a retry, a release and a crash.
select test.query('b', test.commit(:w, test.outcome(:i, :f, 'retry')));
select fence as f from gd_pick(:w, 'default', 1) \gset
select gd_release(:w, array[:i]) \g /dev/null
select gd_pick(:w, 'default', 1) \g /dev/null
select gd_reap(:w) \g /dev/null
select gd_register('w') as w \gset
select fence as f, jsonb_path_query_array(awaited, '$[*].payload.n') as awaited from gd_pick(:w, 'default', 1) \gset
select is(:'awaited'::jsonb, '[1, 3]', 'the redo is handed them again');
select test.query('b', test.commit(:w, test.outcome(:i, :f, 'await', :'park')));
select is(test.phase(:i), 'awaiting_signal', 'after retry, release and crash they still do not wake the park');

-- A signal that arrives while the step executes was not handed to it, so it wakes the park.
select test.query('a', format($$ select gd_signal(%s, 'paid', '{"n": 4}') $$, :i));
select fence as f from gd_pick(:w, 'default', 1) \gset
select test.query('a', format($$ select gd_signal(%s, 'paid', '{"n": 5}') $$, :i));
select test.query('b', test.commit(:w, test.outcome(:i, :f, 'await', :'park')));
select is(test.phase(:i), 'ready', 'a signal that came after the pick wakes the park at once');

-- next clears the set: what was handed and not consumed wakes the next park.
select fence as f from gd_pick(:w, 'default', 1) \gset
select fence as f from gd_commit(:w,
    jsonb_build_array(test.outcome(:i, :f, 'next', '{"step": "other", "continue": true}'))) \gset
select test.query('b', test.commit(:w, test.outcome(:i, :f, 'await', :'park')));
select is(test.phase(:i), 'ready', 'after next, what was left in the inbox wakes a park at once');
select fence as f from gd_pick(:w, 'default', 1) \gset
select gd_commit(:w, jsonb_build_array(test.outcome(:i, :f, 'done'))) \g /dev/null

-- A signal that is sent while a pick is at work, which has locked the row: it is not handed out, so it must not be
-- marked as presented.
-- The gate stops the pick at its first claim, which is that of the smallest id.
create trigger gate before update on gendurable.instances
    for each row when (new.phase = 'executing' and new.fsm = 'First')
    execute function test.gate('a');
select gd_enqueue('First', delay => '1 hour'), gd_enqueue('Parked') \g /dev/null
select id as i, fence as f from gd_pick(:w, 'default', 1) \gset
select gd_commit(:w, jsonb_build_array(test.outcome(:i, :f, 'await', '{"names": ["paid"], "timeout_ms": -1}')))
    \g /dev/null
select gd_expire_awaits() \g /dev/null
update gendurable.instances set phase = 'ready', eligible_at = now() where fsm = 'First';
select pg_advisory_lock(1) \g /dev/null
select test.send('a', format($$ select id, fence, awaited from gd_pick(%s, 'default', 2) where fsm = 'Parked' $$, :w));
select ok(test.is_blocked('a'), 'a pick is at work');
select test.send('b', format($$ select gd_signal(%s, 'paid', '{"n": 6}') $$, :i));
select ok(test.is_blocked('b'), 'a signal is sent meanwhile');
select pg_advisory_unlock(1) \g /dev/null
select test.answer('a') -> 0 as p \gset
select test.answer('b');
select is((:'p'::jsonb ->> 'id')::bigint, :i::bigint, 'the pick claims the row all the same');
select is(:'p'::jsonb -> 'awaited', '[]', 'without the signal, which came later');
select is((select array_agg(s.presented is not null) from gendurable.signals as s where s.instance_id = :i), '{f}',
    'which therefore counts as not presented');
select is(test.results(test.query('b',
    test.commit(:w, test.outcome(:i, (:'p'::jsonb ->> 'fence')::bigint, 'await', :'park')))), 'committed',
    'the step parks again');
select is(test.phase(:i), 'ready', 'and is woken by it at once');
select is((select jsonb_path_query_array(p.awaited, '$[*].payload.n') from gd_pick(:w, 'default', 1) as p), '[6]',
    'and handed it');
-- What a step is handed is new to it until it parks again: a redo finds the same ones new, with those that have come
-- meanwhile.
select id as n from gd_enqueue('New', queue => 'new') \gset
create function test.news(answer jsonb) returns text language sql as $$
    select coalesce(string_agg(concat_ws(' ', s ->> 'payload', case when s ? 'seen' then 'seen' end),
        ', ' order by (s ->> 'id')::bigint), '-') from jsonb_array_elements(answer -> 0 -> 'awaited') as s
$$;
select format($$ select id, fence, awaited from gd_pick(%s, 'new', 1) $$, :w) as pick \gset
select test.query('a', :'pick') -> 0 ->> 'fence' as f \gset
select test.query('a', test.commit(:w, test.outcome(:n, :f, 'await', '{"names": ["vote"]}'))),
    gd_signal(:n, 'vote', '1') \g /dev/null
select test.query('a', :'pick') as p \gset
select is(test.news(:'p'), '1', 'the first one is new');
select test.query('a', test.commit(:w, test.outcome(:n, (:'p'::jsonb -> 0 ->> 'fence')::bigint, 'retry', '{}'))),
    gd_signal(:n, 'vote', '10') \g /dev/null
select test.query('a', :'pick') as p \gset
select is(test.news(:'p'), '1, 10', 'after a retry it is still new, and so is what came meanwhile');
select test.query('a', test.commit(:w,
    test.outcome(:n, (:'p'::jsonb -> 0 ->> 'fence')::bigint, 'await', '{"names": ["vote"]}'))),
    gd_signal(:n, 'vote', '100') \g /dev/null
select test.query('a', :'pick') as p \gset
select is(test.news(:'p'), '1 seen, 10 seen, 100', 'after another await only what is');
select gd_release(:w, array[:n]::bigint[]) \g /dev/null
select test.query('a', :'pick') as p \gset
select is(test.news(:'p'), '1 seen, 10 seen, 100', 'to whichever worker runs it');
select gd_register('doomed') as d \gset
select gd_release(:w, array[:n]::bigint[]) \g /dev/null
select count(*) from gd_pick(:d, 'new', 1) \g /dev/null
select gd_reap(:d) \g /dev/null
select test.query('a', :'pick') as p \gset
select is(test.news(:'p'), '1 seen, 10 seen, 100', 'and after a crash');
select test.query('a', test.commit(:w, test.outcome(:n, (:'p'::jsonb -> 0 ->> 'fence')::bigint, 'await',
    jsonb_build_object('names', '["vote"]'::jsonb, 'consumed',
        (select jsonb_agg(s -> 'id') from jsonb_array_elements(:'p'::jsonb -> 0 -> 'awaited') as s))))) \g /dev/null
select gd_signal(:n, 'vote', '1000') \g /dev/null
select is(test.news(test.query('a', :'pick')), '1000', 'what an await consumed is not handed out again');

select * from finish();
