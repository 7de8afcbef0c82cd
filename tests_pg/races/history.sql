-- History × its maintenance, × its readers, × commits: nothing waits, and what is noted is what was
-- accepted.
--
-- Race:      Attach of a partition × a commit that notes (1–7)
-- Sessions:  A: commit that notes into the default partition open, B: maintenance.
-- Guard:     NOWAIT.
-- Mutations: No NOWAIT → 2.
--
-- Race:      Drop of a partition × a long reader × a commit (8–17)
-- Sessions:  A: a long SELECT of an old partition, of the whole history; B: maintenance; C: commit
--            that notes. A: such a commit open, B: maintenance.
-- Guard:     NOWAIT, for each partition by itself; a partition is truncated first, and dropped when
--            it can be.
-- Mutations: The truncation lacks NOWAIT → 8, 11; the drop lacks it → 15; all partitions are locked
--            at once → 10.
--
-- Race:      A move out of the default partition × a reader (18–22)
-- Sessions:  A: move open, B: reads.
-- Guard:     The move is one statement.
-- Mutations: Rows are copied and stay → 23505 after 11.
--
-- Race:      Forget × `gd_history` (23–24)
-- Sessions:  A: gc open, B: reads.
-- Guard:     The instance is looked up with the same snapshot.
-- Mutations: It is not looked up → 24.
--
-- Race:      Commit × cancel (25–29)
-- Sessions:  A: cancel open, B: commit. A: commit open, B: cancel. Undone.
-- Guard:     What happened is noted under the instance's lock.
-- Mutations: It is noted before the lock → 26, 29.
--
-- Race:      `gd_set_history` × commit (30–31)
-- Sessions:  A: set open, B: commit.
-- Guard:     No lock: the commit goes by the level that is committed.
-- Mutations: The setter locks the table → 30 waits.
\ir prelude.psql
select plan(31);
select test.open('a', 'b', 'c');
select gd_register('w', lease => '1 day') as w \gset
select gd_set_history('M', 'steps') \g /dev/null
create function test.claim(worker bigint) returns jsonb
language plpgsql as $$
begin
    perform gd_enqueue('M');
    return (select test.outcome(p.id, p.fence, 'done') from gd_pick(worker, 'default', 1) as p);
end
$$;
create function test.told(id bigint) returns text language sql as $$
    select coalesce(string_agg(h.event, ' '), '-') from gd_history(told.id) as h $$;
create function test.old(name text, days int) returns void
language plpgsql as $$
declare
    v_from timestamptz := gendurable._partition_start(now() - days * interval '1 day');
begin
    execute format('create table gendurable.%I (like gendurable.history)', name);
    execute format('alter table gendurable.history attach partition gendurable.%I for values from (%L) to (%L)', name,
        v_from, v_from + interval '6 hours');
    insert into gendurable.history (instance_id, at, fence, attempt, event, step) select -n, v_from + interval '1 hour',
        1, 0, 'stop', 's' from generate_series(1, 3) as n;
end
$$;

-- attach × a commit that notes into the default partition.
select test.claim(:w) as o \gset
select test.exec('a', 'begin');
select is(test.results(test.query('a', test.commit(:w, :'o'))), 'committed', 'a commit that notes is in flight');
select test.send('b', $$ select gendurable._create_partitions('gendurable.history', now() + interval '2 minutes') $$);
select ok(not test.is_blocked('b'), 'maintenance does not wait for it');
select is(test.result(test.answer('b')), '0', 'and attaches nothing');
select test.exec('a', 'commit');
select test.exec('b', 'begin');
select cmp_ok(test.result(test.query('b', $$
    select gendurable._create_partitions('gendurable.history', now() + interval '2 minutes') $$))::int, '>', 2,
    'it attaches what is to come, in a transaction that stays open');
select test.claim(:w) as o \gset
select test.send('a', test.commit(:w, :'o'));
select ok(test.is_blocked('a'),
    'a commit that notes into the default partition waits for that one: it is the present window''s place in the first '
    'minutes alone');
select test.exec('b', 'commit');
select is(test.results(test.answer('a')), 'committed', 'and is accepted');
select is(test.told((:'o'::jsonb ->> 'id')::bigint), 'done', 'and noted');

-- drop × a long reader × a commit.
select test.old('old_1', 9), test.old('old_2', 8) \g /dev/null
select test.exec('a', 'begin');
select test.query('a', 'select count(*) from gendurable.old_1');
select gd_maintain() \g /dev/null
select test.send('b', 'select count(*) from gd_maintain()');
select ok(not test.is_blocked('b'), 'maintenance does not wait for a long reader of an old partition');
select test.answer('b');
select isnt(to_regclass('gendurable.old_1'), null, 'what is read stays');
select is(to_regclass('gendurable.old_2'), null, 'the others go');
select test.exec('a', 'commit');
select test.exec('a', 'begin');
select test.query('a', 'select count(*) from gendurable.history');
select test.exec('b', 'begin');
select test.send('b', 'select count(*) from gd_maintain()');
select ok(not test.is_blocked('b'), 'nor for one of the whole history');
select test.answer('b');
select test.claim(:w) as o \gset
select test.send('c', test.commit(:w, :'o'));
select ok(not test.is_blocked('c'), 'and no commit waits behind it, while maintenance is in flight');
select is(test.results(test.answer('c')), 'committed', 'which is accepted');
select test.exec('b', 'commit');
select test.exec('a', 'commit');
select gd_maintain() \g /dev/null
select is(to_regclass('gendurable.old_1'), null, 'when the readers have gone, the partition is dropped');
select test.old('old_3', 9) \g /dev/null
select test.claim(:w) as o \gset
select test.exec('a', 'begin');
select test.query('a', test.commit(:w, :'o'));
select test.send('b', 'select count(*) from gd_maintain()');
select ok(not test.is_blocked('b'), 'nor does maintenance wait for a commit in flight');
select test.answer('b');
select is((select count(*)::int from gendurable.history as h where h.instance_id < 0), 0, 'it forgets what is old');
select isnt(to_regclass('gendurable.old_3'), null, 'and drops its place another time');
select test.exec('a', 'commit');

-- A move is in flight × a reader.
select gd_maintain() \g /dev/null
insert into gendurable.history_default (instance_id, at, fence, attempt, event, step)
    values ((:'o'::jsonb ->> 'id')::bigint, now(), 1, 0, 'retry', 's');
select is(test.told((:'o'::jsonb ->> 'id')::bigint), 'done retry', 'one event was noted without a partition');
select test.exec('a', 'begin');
select test.query('a', 'select count(*) from gd_maintain()');
select is((select count(*) from gendurable.history_default), 1::bigint, 'it is being moved');
select is(test.told((:'o'::jsonb ->> 'id')::bigint), 'done retry', 'and is found once');
select test.exec('a', 'commit');
select is((select count(*) from gendurable.history_default), 0::bigint, 'it has moved');
select is(test.told((:'o'::jsonb ->> 'id')::bigint), 'done retry', 'and is found once');

-- forget × history.
update gendurable.finished set finished_at = now() - interval '2 days' where id = (:'o'::jsonb ->> 'id')::bigint;
select test.exec('a', 'begin');
select test.query('a', 'select gd_gc()');
select is(test.told((:'o'::jsonb ->> 'id')::bigint), 'done retry',
    'as long as its forgetting is not committed, an instance has a history');
select test.exec('a', 'commit');
select is(test.told((:'o'::jsonb ->> 'id')::bigint), '-', 'then it has none');

-- commit × cancel: what was accepted is noted, once.
select test.claim(:w) as o \gset
select test.exec('a', 'begin');
select test.query('a', format('select gd_cancel(%s::bigint)', :'o'::jsonb ->> 'id'));
select is(test.results(test.query('b', test.commit(:w, :'o'))), 'busy',
    'a commit meets a cancellation that will be undone');
select test.exec('a', 'rollback');
select is(test.told((:'o'::jsonb ->> 'id')::bigint), '-', 'neither is noted');
select test.exec('a', 'begin');
select test.query('a', test.commit(:w, :'o'));
select test.send('b', format('select gd_cancel(%s::bigint)', :'o'::jsonb ->> 'id'));
select ok(test.is_blocked('b'), 'a cancellation waits for a commit');
select test.exec('a', 'commit');
select is(test.result(test.answer('b')), '0', 'and comes too late');
select is(test.told((:'o'::jsonb ->> 'id')::bigint), 'done', 'the commit alone is noted');

-- set_history × commit: it waits for none, and acts on the outcome after it.
select test.claim(:w) as o \gset
select test.exec('a', 'begin');
select test.query('a', $$ select gd_set_history('M', 'none') $$);
select test.send('b', test.commit(:w, :'o'));
select ok(not test.is_blocked('b'), 'a commit does not wait for the level that is being set');
select test.answer('b');
select test.exec('a', 'commit');
select is(test.told((:'o'::jsonb ->> 'id')::bigint), 'done', 'it has noted by the level that was');
select * from finish();
