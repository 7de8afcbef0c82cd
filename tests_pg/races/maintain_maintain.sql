-- gd_maintain × gd_maintain: one looks after the archive, the other reaps beside it, and each task
-- beside itself does nothing twice.
--
-- Race:      Maintenance × maintenance
-- Sessions:  A: maintenance open, B: maintenance, reap, deadlines, pick.
-- Guard:     SKIP LOCKED; one of them looks after the archive.
-- Mutations: No maintenance lock → 2; reap or deadlines lock without SKIP LOCKED → 2 waits; release
--            locks without it → 11 waits.
\ir prelude.psql
select plan(21);
select test.open('a', 'b');
select test.mid_window();
select gd_register('w') as w \gset
select gd_enqueue_many((select jsonb_agg('{"fsm": "M"}'::jsonb) from generate_series(1, 4))) \g /dev/null
select gd_commit(:w, jsonb_agg(test.outcome(p.id, p.fence, 'await', '{"names": ["never"], "timeout_ms": -1}')))
    from gd_pick(:w, 'default', 2) as p \g /dev/null
select gd_pick(:w, 'other', 1) \g /dev/null
update gendurable.instances set phase = 'executing', worker_id = :w, fence = fence + 1,
    claimed_at = now() where phase = 'ready';
update gendurable.workers set lease = '0'; update gendurable.leases set lease_until = '-infinity';

-- Two at once.
select test.exec('a', 'begin');
select is(test.query('a', 'select * from gd_maintain() where task <> ''more'''),
    '[{"task": "reap", "affected": 2}, {"task": "expire_awaits", "affected": 2}, {"task": "fire_schedules", '
    '"affected": 0}, {"task": "sweep", "affected": 0}, {"task": "dismiss", "affected": 0}, {"task": '
    '"create_partitions", "affected": 4}, {"task": "sweep_buckets", "affected": 0}]',
    'maintenance is in flight');
select test.send('b', 'select * from gd_maintain() where task <> ''more''');
select ok(not test.is_blocked('b'), 'another one does not wait for it');
select is(test.answer('b'),
    '[{"task": "reap", "affected": 0}, {"task": "expire_awaits", "affected": 0}, {"task": "fire_schedules", '
    '"affected": 0}, {"task": "sweep", "affected": 0}, {"task": "dismiss", "affected": 0}, {"task": "sweep_buckets", '
    '"affected": 0}]',
    'leaves the claims and the deadlines that it holds to it, and the archive altogether');
select test.send('b', 'select gd_reap()');
select ok(not test.is_blocked('b'), 'nor does a reaper beside it');
select is(test.result(test.answer('b')), '0', 'which has nothing to do');
select test.send('b', 'select gd_expire_awaits()');
select ok(not test.is_blocked('b'), 'nor do deadlines');
select is(test.result(test.answer('b')), '0', 'which have been woken');
select test.exec('a', 'commit');
select is((select string_agg(format('%s %s', i.phase, i.attempt), ', ' order by i.id) from gendurable.instances as i),
    'ready 0, ready 0, ready 1, ready 1',
    'each claim was reaped once, each deadline woken once');
select is(test.query('b', 'select task, affected from gd_maintain() where task <> ''more'''),
    '[{"task": "reap", "affected": 0}, {"task": "expire_awaits", "affected": 0}, {"task": "fire_schedules", '
    '"affected": 0}, {"task": "sweep", "affected": 0}, {"task": "dismiss", "affected": 0}, {"task": '
    '"create_partitions", "affected": 0}, {"task": "gc", "affected": 0}, {"task": "drop_partitions", "affected": 0}, '
    '{"task": "sweep_buckets", "affected": 0}]',
    'the next maintenance finds nothing to do');

-- One that is undone leaves its work to the next one.
select gd_register('w') as w \gset
select gd_pick(:w, 'default', 4) \g /dev/null
update gendurable.workers set lease = '0'; update gendurable.leases set lease_until = '-infinity';
select test.exec('a', 'begin');
select test.query('a', 'select * from gd_maintain()');
select test.exec('a', 'rollback');
select is((select m.affected from gd_maintain() as m where m.task = 'reap'), 4::bigint,
    'the work of a maintenance that was undone is done by the next');

-- Rows that another session's transaction holds are left for the next one.
select gd_register('w') as w \gset
select gd_pick(:w, 'default', 1) \g /dev/null
update gendurable.workers set lease = '0'; update gendurable.leases set lease_until = '-infinity';
select id as i from gendurable.instances where worker_id = :w \gset
select test.exec('a', 'begin');
select test.query('a', format($$ select gd_signal(%s, 'hello') $$, :i));
select test.send('b', 'select affected from gd_maintain()');
select ok(not test.is_blocked('b'), 'maintenance does not wait for a row that another session holds');
select is(test.result(test.answer('b')), '0', 'it passes by');
select test.exec('a', 'commit');
select is((select m.affected from gd_maintain() as m where m.task = 'reap'), 1::bigint,
    'and reaps it the next time, its worker long forgotten');

-- A worker row that another session holds.
select gd_register('w') as w \gset
update gendurable.workers set lease = '0'; update gendurable.leases set lease_until = '-infinity';
select test.exec('a', 'begin');
select test.query('a', format('select * from gd_heartbeat(%s)', :w));
select test.send('b', 'select affected from gd_maintain()');
select ok(not test.is_blocked('b'), 'maintenance does not wait for a worker''s heartbeat');
select test.answer('b');
select test.exec('a', 'commit');
select is((select count(*) from gd_workers), 1::bigint, 'which stays known');

-- Wakers of what is due, side by side.
select gd_reap(:w) \g /dev/null
select gd_register('w') as w \gset
select gd_commit(:w, jsonb_agg(test.outcome(p.id, p.fence, 'await', '{"names": ["never"], "timeout_ms": -1}')))
    from gd_pick(:w, 'default', 4) as p \g /dev/null
select test.exec('a', 'begin');
select is(test.result(test.query('a', 'select gd_expire_awaits()')), '4', 'deadlines are being woken');
select test.send('b', 'select gd_expire_awaits()');
select ok(not test.is_blocked('b'), 'a second waker does not wait');
select is(test.result(test.answer('b')), '0', 'and wakes nothing twice');
select test.send('b', format($$ select id from gd_pick(%s, 'default', 4) $$, :w));
select ok(not test.is_blocked('b'), 'nor does a pick');
select is(test.answer('b'), '[]', 'which takes nothing yet');
select test.exec('a', 'commit');
select is(jsonb_array_length(test.query('b', format($$ select id from gd_pick(%s, 'default', 4) $$, :w))), 4,
    'and everything then');
select * from finish();
