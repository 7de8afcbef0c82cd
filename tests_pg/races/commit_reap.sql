-- Commit × reap: exactly one of them has the claim, and neither waits for the other.
--
-- Race:      Commit × reap (1–30)
-- Sessions:  A: reap open, B: commit. A: commit open, B: reap. A commit that is undone after the
--            reap. A reaper that is stopped between two of its claims. A late release.
-- Guard:     The row lock, with fence and worker checked under it; a walk over claims without a
--            worker.
-- Mutations: The release locks without SKIP LOCKED → 10, the reaper → 20; the worker is not checked
--            under the lock → 29, 30; no walk → 17, 18.
--
-- Race:      Running ahead × a farewell (31–36)
-- Sessions:  A: commit of a `next` that asks to run ahead, stopped after it has locked; B: unregister.
-- Guard:     `_foreign_steps` looks for the worker once more.
-- Mutations: One that is gone is taken for one that declares nothing → 34–36.
\ir prelude.psql
select plan(36);
select test.open('a', 'b');

-- The reaper first.
select gd_register('w') as w \gset
select gd_enqueue('M') \g /dev/null
select id as i, fence as f from gd_pick(:w, 'default', 1) \gset
select test.exec('a', 'begin');
select is(test.result(test.query('a', format('select gd_reap(%s)', :w))), '1', 'a reaper is at work');
select test.send('b', test.commit(:w, test.outcome(:i, :f, 'done')));
select ok(not test.is_blocked('b'), 'a commit does not wait for the reaper');
select is(test.results(test.answer('b')), 'busy', 'it is to be offered again');
select test.exec('a', 'commit');
select is(test.results(test.query('b', test.commit(:w, test.outcome(:i, :f, 'done')))), 'stale', 'and then is stale');
select is((select row(i.phase, i.attempt, i.worker_id)::text from gendurable.instances as i where i.id = :i),
    '(ready,1,)', 'reaper first: the claim was released');
select is_empty('select from gendurable.finished', 'and nothing has finished');

-- The reaper first, and undone.
select gd_register('w') as w \gset
select fence as f from gd_pick(:w, 'default', 1) \gset
select test.exec('a', 'begin');
select test.query('a', format('select gd_reap(%s)', :w));
select is(test.results(test.query('b', test.commit(:w, test.outcome(:i, :f, 'retry')))), 'busy',
    'a commit meets a reaper that will be undone');
select test.exec('a', 'rollback');
select is(test.results(test.query('b', test.commit(:w, test.outcome(:i, :f, 'retry')))), 'committed',
    'and is accepted then');

-- The commit first.
select fence as f from gd_pick(:w, 'default', 1) \gset
select test.exec('a', 'begin');
select is(test.results(test.query('a', test.commit(:w, test.outcome(:i, :f, 'done')))), 'committed',
    'a commit is in flight');
select test.send('b', format('select gd_reap(%s)', :w));
select ok(not test.is_blocked('b'), 'the reaper does not wait for the commit');
select is(test.result(test.answer('b')), '0', 'and has nothing to release');
select test.exec('a', 'commit');
select is((select s.status from gd_status(:i) as s), 'done', 'commit first: it has finished');
select is(gd_reap(), 0, 'and nothing is left to reap');
select is_empty('select from gendurable.instances', 'nor to run again');

-- The commit first, and undone: its worker is forgotten, its claim is not.
select gd_register('w') as w \gset
select gd_enqueue('M') \g /dev/null
select id as i, fence as f from gd_pick(:w, 'default', 1) \gset
select test.exec('a', 'begin');
select test.query('a', test.commit(:w, test.outcome(:i, :f, 'done')));
select is(gd_reap(:w), 0, 'the reaper passes a claim whose commit is in flight');
select test.exec('a', 'rollback');
select is(test.phase(:i), 'executing', 'the commit is undone: a claim without a worker');
select is(gd_reap(), 1, 'the next reaper finds it');
select is((select row(i.phase, i.attempt)::text from gendurable.instances as i where i.id = :i), '(ready,1)',
    'and releases it');

-- Two reapers: a claim is released once.
select gd_register('w') as w \gset
select fence as f from gd_pick(:w, 'default', 1) \gset
update gendurable.workers set lease = '0'; update gendurable.leases set lease_until = '-infinity';
select test.exec('a', 'begin');
select is(test.result(test.query('a', 'select gd_reap()')), '1', 'one reaper is at work');
select test.send('b', 'select gd_reap()');
select ok(not test.is_blocked('b'), 'a second one does not wait for it');
select is(test.result(test.answer('b')), '0', 'and releases nothing');
select test.exec('a', 'commit');
select is((select i.attempt from gendurable.instances as i where i.id = :i), 2, 'one lost claim counts as one attempt');

-- A commit between the reaper's look and its lock. The gate stops the reaper between two claims of one worker: its
-- snapshot still shows the second one as executing.
select gd_register('w') as w \gset
select gd_enqueue('Second') \g /dev/null
select gd_enqueue('Third') \g /dev/null
select array_agg(p.id order by p.id) as ids, array_agg(p.fence order by p.id) as fences
    from gd_pick(:w, 'default', 3) as p \gset
create trigger gate before update on gendurable.instances
    for each row when (new.fsm = 'M' and new.worker_id is null) execute function test.gate('a');
select pg_advisory_lock(1) \g /dev/null
select test.send('a', format('select gd_reap(%s)', :w));
select ok(test.is_blocked('a'), 'a reaper is between two claims');
select is(test.results(test.query('b', test.commit(:w,
        test.outcome((:'ids'::bigint[])[2], (:'fences'::bigint[])[2], 'next', '{"step": "two"}'),
        test.outcome((:'ids'::bigint[])[3], (:'fences'::bigint[])[3], 'done')))), 'busy busy',
        'the others are locked already, and a commit does not wait for them');
select pg_advisory_unlock(1) \g /dev/null
select is(test.result(test.answer('a')), '3', 'the reaper releases all of them');
select is(test.results(test.query('b', test.commit(:w,
        test.outcome((:'ids'::bigint[])[2], (:'fences'::bigint[])[2], 'next', '{"step": "two"}'),
        test.outcome((:'ids'::bigint[])[3], (:'fences'::bigint[])[3], 'done')))), 'stale stale',
        'what is offered again after it is stale');
select is((select string_agg(row(i.phase, i.attempt, i.step)::text, ' ' order by i.id) from gendurable.instances as i
    where i.id = any ((:'ids'::bigint[])[2:3])),
    '(ready,1,start) (ready,1,start)', 'and has changed nothing');

-- A late release by the worker that was reaped: the claims are another worker's now.
select gd_register('v') as v \gset
select count(*) from gd_pick(:v, 'default', 3) \g /dev/null
select test.exec('a', 'begin');
select is(test.results(test.query('a',
    test.commit(:v, (select test.outcome(i.id, i.fence, 'next', '{"step": "two", "continue": true}')
        from gendurable.instances as i where i.fsm = 'Second')))),
    'continued', 'another worker runs one of the claims ahead');
select is(test.result(test.query('b', format('select gd_release(%s, %L)', :w, :'ids'))), '0',
    'a late release by the dead worker gives back none of them');
select test.exec('a', 'commit');
select is(test.result(test.query('b', format('select gd_release(%s, %L)', :w, :'ids'))), '0', 'nor later');
-- A farewell while a step of the worker is being committed, which is to run ahead.
delete from gendurable.instances;
select gd_register('z') as z, gd_set_history('Ahead', 'steps') \gset
select gd_enqueue('Ahead') \g /dev/null
select id as i, fence as f from gd_pick(:z, 'default', 1) \gset
create trigger gate before insert on gendurable.history for each row execute function test.gate('a');
select pg_advisory_lock(1) \g /dev/null
select test.send('a', test.commit(:z, test.outcome(:i, :f, 'next', '{"step": "two", "continue": true}')));
select ok(test.is_blocked('a'), 'a commit has locked an instance, and not yet looked whether it runs ahead');
select test.send('b', format('select gd_unregister(%s)', :z));
select ok(not test.is_blocked('b'), 'a farewell does not wait for it');
select is(test.result(test.answer('b')), '0', 'and leaves the claim to it');
select pg_advisory_unlock(1) \g /dev/null
select is(test.results(test.answer('a')), 'committed', 'a worker that is gone runs nothing ahead');
select is((select row(i.phase, i.step, i.attempt, i.worker_id)::text from gendurable.instances as i where i.id = :i),
    '(ready,two,0,)', 'the next step waits for another one');
select is((select p.step from gd_pick(:v, 'default', 1) as p), 'two', 'which picks it at once');
drop trigger gate on gendurable.history;
select * from finish();
