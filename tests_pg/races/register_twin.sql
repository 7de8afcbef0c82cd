-- Restart beside a living twin or a dead namesake: a living one keeps what it holds, and the late
-- commit of a dead one meets the registration of its successor.
--
-- Race:      Restart × a living twin
-- Sessions:  A: late commit open, B: register under the same name.
-- Guard:     Only namesakes whose lease is over are freed.
-- Mutations: The lease is not checked → 2; no SKIP LOCKED → 4.
\ir prelude.psql
select plan(22);
select test.open('a', 'b');

-- A live twin.
select gd_register('w') as w \gset
select gd_enqueue('M') \g /dev/null
select id as i, fence as f from gd_pick(:w, 'default', 1) \gset
select gd_register('w') as v \gset
select isnt(:v, :w, 'a twin has its own id');
select is(test.phase(:i), 'executing', 'a live namesake keeps its claim');
select is(test.query('b', format('select * from gd_heartbeat(%s, array[%s])', :w, :i)), '[]', 'and its lease');

-- A namesake past its lease whose heartbeat is in flight is alive.
update gendurable.workers set lease = '0' where id = :w;
update gendurable.leases set lease_until = '-infinity' where worker_id = :w;
select test.exec('a', 'begin');
select test.query('a', format('select * from gd_heartbeat(%s, array[%s])', :w, :i));
select test.send('b', $$ select gd_register('w') $$);
select ok(not test.is_blocked('b'), 'a registration does not wait for a namesake''s heartbeat');
select test.answer('b');
select test.exec('a', 'commit');
select is(test.phase(:i), 'executing', 'which keeps its claim');

-- A dead namesake whose last commit is in flight.
update gendurable.workers set lease = '0' where id = :w;
update gendurable.leases set lease_until = '-infinity' where worker_id = :w;
select test.exec('a', 'begin');
select is(test.results(test.query('a', test.commit(:w, test.outcome(:i, :f, 'next', '{"step": "two"}')))), 'committed',
    'a late commit is in flight');
select test.send('b', $$ select gd_register('w') $$);
select ok(not test.is_blocked('b'), 'a registration does not wait for it');
select test.answer('b');
select test.exec('a', 'commit');
select is((select row(i.phase, i.step, i.attempt)::text from gendurable.instances as i), '(ready,two,0)',
    'commit first: its step counts, no attempt is lost');
select throws_ok(format('select * from gd_heartbeat(%s)', :w), 'GD010', null, 'its worker is forgotten');

-- A dead namesake whose last commit comes beside the registration, and after it.
select gd_register('w') as w \gset
select fence as f from gd_pick(:w, 'default', 1) \gset
update gendurable.workers set lease = '0' where id = :w;
update gendurable.leases set lease_until = '-infinity' where worker_id = :w;
select test.exec('a', 'begin');
select test.result(test.query('a', $$ select gd_register('w') $$)) as v \gset
select test.send('b', test.commit(:w, test.outcome(:i, :f, 'done')));
select ok(not test.is_blocked('b'), 'a late commit does not wait for the registration that frees its claim');
select is(test.results(test.answer('b')), 'busy', 'it is to be offered again');
select test.send('b', $$ select gd_register('w') $$);
select ok(not test.is_blocked('b'), 'nor does another registration wait');
select test.answer('b');
select test.exec('a', 'commit');
select is(test.results(test.query('b', test.commit(:w, test.outcome(:i, :f, 'done')))), 'stale',
    'registration first: the late commit is stale');
select is((select row(i.phase, i.attempt)::text from gendurable.instances as i), '(ready,1)',
    'the claim was lost once');
select cmp_ok((select p.fence from gd_pick(:v, 'default', 1) as p), '>', :f, 'and the heir picks it');

-- A late continue that is in flight leaves a claim of a forgotten worker; the next reaper frees it, and meanwhile its
-- commits are stale.
select gd_register('dead') as w \gset
select gd_release(:v, array[:i]) \g /dev/null
select fence as f from gd_pick(:w, 'default', 1) \gset
update gendurable.workers set lease = '0' where id = :w;
update gendurable.leases set lease_until = '-infinity' where worker_id = :w;
select test.exec('a', 'begin');
select test.query('a', test.commit(:w, test.outcome(:i, :f, 'next', '{"step": "three", "continue": true}'))) -> 0 ->>
    'fence' as g \gset
select test.query('b', $$ select gd_register('dead') $$);
select test.exec('a', 'commit');
select is((select row(i.phase, i.step)::text from gendurable.instances as i), '(executing,three)',
    'a late continue leaves a claim behind');
select is(test.results(test.query('b', test.commit(:w, test.outcome(:i, :g, 'done')))), 'stale',
    'of which nothing can be committed');
select is(gd_reap(), 1, 'the next reaper frees it');
select is((select row(i.phase, i.step, i.attempt)::text from gendurable.instances as i), '(ready,three,1)',
    'where it had come to');

-- Two heirs register at once.
select gd_register('two') as w \gset
select gd_pick(:w, 'default', 1) \g /dev/null
update gendurable.workers set lease = '0' where id = :w;
update gendurable.leases set lease_until = '-infinity' where worker_id = :w;
select test.exec('a', 'begin');
select test.query('a', $$ select gd_register('two') $$);
select test.send('b', $$ select gd_register('two') $$);
select ok(not test.is_blocked('b'), 'two heirs do not wait for each other');
select test.answer('b');
select test.exec('a', 'commit');
select is((select i.attempt from gendurable.instances as i), 2, 'the claim was freed once');
select is((select count(*) from gd_workers as w where w.name = 'two'), 2::bigint, 'both are registered');
select * from finish();
