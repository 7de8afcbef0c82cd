-- Drop of a partition × a long reader × a commit: nothing waits, and what cannot be dropped now is
-- dropped another time.
--
-- Race:      Drop of a partition × a long reader × a commit
-- Sessions:  A: a long SELECT of the archive, of the partition, of the default one; B: gc; C:
--            commit.
-- Guard:     NOWAIT on every partition, before anything exclusive.
-- Mutations: No NOWAIT → 1, 6, 10, 16, 17, 20; the archive is locked before the count → 23, 24.
\ir prelude.psql
select plan(34);
select test.open('a', 'b', 'c');
select gd_register('w') as w \gset
select gd_enqueue_many((select jsonb_agg('{"fsm": "M"}'::jsonb) from generate_series(1, 8))) \g /dev/null
create function test.claim(worker bigint) returns jsonb
language sql as $$ select test.outcome(p.id, p.fence, 'done') from gd_pick(worker, 'default', 1) as p $$;

-- An archive of `days` days ago, in a partition of its own, with three finished instances.
create function test.old(name text, days int) returns void
language plpgsql as $$
declare
    v_from timestamptz := gendurable._partition_start(now() - days * interval '1 day');
begin
    execute format('create table gendurable.%I (like gendurable.finished)', name);
    execute format('alter table gendurable.finished attach partition gendurable.%I for values from (%L) to (%L)', name,
        v_from, v_from + interval '6 hours');
    insert into gendurable.finished (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm,
        step, queue, state)
    select -n, v_from, v_from + interval '1 hour', 1, 0, 0, 1, false, 'Old', 'start', 'default',
        '{}' from generate_series(1, 3) as n;
end
$$;
create function test.old_rows() returns bigint language sql as $$
    select count(*) from gendurable.finished as f where f.fsm = 'Old' $$;

-- A long reader of the whole archive.
select test.old('old', 9);
select test.exec('a', 'begin');
select test.query('a', 'select count(*) from gd_instances');
select test.send('b', $$ select gd_gc('7 days') $$);
select ok(not test.is_blocked('b'), 'gc does not wait for a long reader of the archive');
select test.answer('b');
select test.claim(:w) as o \gset
select test.send('c', test.commit(:w, :'o'));
select ok(not test.is_blocked('c'), 'and no commit waits behind it');
select is(test.results(test.answer('c')), 'committed', 'which is accepted');
select test.exec('a', 'commit');
select gd_gc('7 days') \g /dev/null
select is(to_regclass('gendurable.old'), null, 'when the reader has gone, the partition is dropped');
select is(test.old_rows(), 0::bigint, 'with what it held');

-- A long reader of the old partition alone, while maintenance is in flight.
select test.old('old', 9);
select test.exec('a', 'begin');
select test.query('a', 'select count(*) from gendurable.old');
select test.exec('b', 'begin');
select test.send('b', $$ select gd_gc('7 days', batch => 1) $$);
select ok(not test.is_blocked('b'), 'gc does not wait for a reader of the old partition');
select is(test.result(test.answer('b')), '1', 'it forgets row by row what it cannot drop');
select test.claim(:w) as o \gset
select test.send('c', test.commit(:w, :'o'));
select ok(not test.is_blocked('c'), 'no commit waits for a gc that could not drop');
select test.exec('b', 'commit');
select test.answer('c');
select test.exec('a', 'commit');
select gd_gc('7 days') \g /dev/null
select is(to_regclass('gendurable.old'), null, 'it is dropped another time');

-- A commit in flight: it holds the archive, so the partition is emptied and dropped another time.
select test.old('old', 9);
select test.claim(:w) as o \gset
select test.exec('a', 'begin');
select test.query('a', test.commit(:w, :'o'));
select test.send('b', $$ select gd_gc('7 days') $$);
select ok(not test.is_blocked('b'), 'gc does not wait for a commit in flight');
select is(test.result(test.answer('b')), '3', 'and gives the space back');
select isnt(to_regclass('gendurable.old'), null, 'the empty partition stays for now');
select test.exec('a', 'commit');
select is((select s.status from gd_status((:'o'::jsonb ->> 'id')::bigint) as s), 'done', 'the commit is whole');
select is(gd_gc('7 days'), 0, 'the next gc forgets nothing twice');
select is(to_regclass('gendurable.old'), null, 'and drops it');

-- A long reader of the default partition alone, or its vacuum: dropping a partition locks the default one as well.
select test.old('old', 9);
select test.exec('a', 'begin');
select test.query('a', 'select count(*) from gendurable.finished_default');
select test.send('b', $$ select gd_gc('7 days') $$);
select ok(not test.is_blocked('b'), 'gc does not wait for a reader of the default partition');
select test.claim(:w) as o \gset
select test.send('c', test.commit(:w, :'o'));
select ok(not test.is_blocked('c'), 'and no commit waits behind it');
select test.exec('a', 'commit');
select test.answer('b');
select is(test.results(test.answer('c')), 'committed', 'which is accepted');
select gd_gc('7 days') \g /dev/null
select is(to_regclass('gendurable.old'), null, 'it is dropped another time');
select test.old('old', 9);
select test.exec('a', 'begin');
select test.exec('a', 'lock table gendurable.finished_default in share update exclusive mode');
select test.send('b', $$ select gd_gc('7 days') $$);
select ok(not test.is_blocked('b'), 'gc does not wait for a vacuum of the default partition');
select test.exec('a', 'commit');
select test.answer('b');
select gd_gc('7 days') \g /dev/null
select is(to_regclass('gendurable.old'), null, 'it is dropped another time');

-- Several old partitions: whatever takes long is done before the archive is locked. The gate stops gc at the second
-- one.
select test.old('old_1', 9);
select test.old('old_2', 8);
create trigger gate before truncate on gendurable.old_2 for each statement execute function test.gate('b');
select pg_advisory_lock(1) \g /dev/null
select test.send('b', $$ select gd_gc('7 days', 1) $$);
select ok(test.is_blocked('b'), 'gc is at work on the second of two partitions');
select ok(not test.holds('b', 'gendurable.finished', 'AccessExclusiveLock'), 'and does not hold the archive yet');
select test.claim(:w) as o \gset
select test.send('c', test.commit(:w, :'o'));
select ok(not test.is_blocked('c'), 'so no commit waits for it');
select pg_advisory_unlock(1) \g /dev/null
select is(test.result(test.answer('b')), '6', 'it forgets both');
select is(test.results(test.answer('c')), 'committed', 'and the commit is accepted');
select gd_gc('7 days') \g /dev/null
select is(coalesce(to_regclass('gendurable.old_1'), to_regclass('gendurable.old_2')), null, 'both are dropped');

-- Two collections at once.
select test.old('old', 9);
select test.exec('a', 'begin');
select is(test.result(test.query('a', $$ select gd_gc('7 days') $$)), '3', 'a gc that drops is in flight');
select test.send('b', $$ select gd_gc('7 days') $$);
select ok(not test.is_blocked('b'), 'another gc does not wait for it');
select test.send('c', 'select task from gd_maintain()');
select ok(not test.is_blocked('c'), 'nor does maintenance');
select test.exec('a', 'commit');
select is(test.result(test.answer('b')), '0', 'which forgets nothing twice');
select test.answer('c');
select is(to_regclass('gendurable.old'), null, 'the partition is dropped once');

-- A drop that is undone.
select test.old('old', 9);
select test.exec('a', 'begin');
select test.query('a', $$ select gd_gc('7 days') $$);
select test.exec('a', 'rollback');
select is(test.old_rows(), 3::bigint, 'a gc that is undone has forgotten nothing');
select is(gd_gc('7 days'), 3, 'and the next one forgets it');
select * from finish();
