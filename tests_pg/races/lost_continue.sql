-- The answer to a continue is lost: the step that was committed is not committed twice, and the
-- claim that goes on is not stranded.
--
-- Race:      The answer to a continue is lost
-- Sessions:  A: continue open, B: the same outcome, then a heartbeat that does not list the claim.
-- Guard:     Every commit raises the fence, and leaves the time of the claim.
-- Mutations: The fence is not raised → 6, 7, 8; the time of the claim is renewed → 14, 15.
\ir prelude.psql
select plan(15);
select test.open('a', 'b');
select gd_register('w') as w \gset
select id as i from gd_enqueue('M') \gset
select fence as f from gd_pick(:w, 'default', 1) \gset
\set ahead '{"step": "two", "state": {"n": 1}, "continue": true}'

-- The answer is lost and the outcome is sent again, first beside the commit in flight, then after it.
select gd_heartbeat(:w, array[:i]) \g /dev/null
select test.exec('a', 'begin');
select is(test.results(test.query('a', test.commit(:w, test.outcome(:i, :f, 'next', :'ahead')))), 'continued',
    'a step runs ahead, its answer on the way');
select test.send('b', test.commit(:w, test.outcome(:i, :f, 'next', :'ahead')));
select ok(not test.is_blocked('b'), 'sent again meanwhile, the outcome does not wait');
select is(test.results(test.answer('b')), 'busy', 'and is to be offered again');
select test.send('b', format($$ select * from gd_heartbeat(%s, '{}') $$, :w));
select ok(not test.is_blocked('b'), 'a heartbeat does not wait for the commit either');
select is(test.answer('b'), '[]', 'and reports nothing');
select test.exec('a', 'commit');
select test.world() as world \gset
select is(test.results(test.query('b', test.commit(:w, test.outcome(:i, :f, 'next', :'ahead')))), 'stale',
    'sent again, the outcome is stale');
select is(test.world(), :'world'::jsonb, 'and has no effect');
select is((select row(i.phase, i.step, i.fence)::text from gendurable.instances as i),
    format('(executing,two,%s)', :f + 1), 'the step has moved on once');

-- The worker, which knows nothing of the claim that went on, does not list it.
select gd_heartbeat(:w) \g /dev/null
select is(test.query('b', format($$ select * from gd_heartbeat(%s, array[%s]) $$, :w, :i)), '[]',
    'while it is listed it is kept');
select is(test.phase(:i), 'executing', 'and goes on');
select test.query('b', format($$ select * from gd_heartbeat(%s, '{}') $$, :w));
select is((select row(i.phase, i.step, i.attempt)::text from gendurable.instances as i), '(ready,two,1)',
    'no longer listed, it is released');
select is(test.results(test.query('b', test.commit(:w, test.outcome(:i, :f + 1, 'done')))), 'stale',
    'a commit under the fence that was lost is stale then');

-- Running ahead does not renew the time of the claim: a continue that was lost just now is released by the same list.
select fence as f from gd_pick(:w, 'default', 1) \gset
select gd_heartbeat(:w, array[:i]) \g /dev/null
select is(test.results(test.query('a', test.commit(:w, test.outcome(:i, :f, 'next', :'ahead')))), 'continued',
    'a step runs ahead after a heartbeat');
select test.query('b', format($$ select * from gd_heartbeat(%s, '{}') $$, :w));
select is(test.phase(:i), 'ready', 'the next list that lacks the claim releases it');
select is((select p.step from gd_pick(:w, 'default', 1) as p), 'two', 'and it runs on from where it was');
select * from finish();
