-- Retry of an archived instance × gc, × another retry, × an enqueue of its key: it is brought back
-- once, or not at all.
--
-- Race:      Retry of an archived instance × gc (1–16)
-- Sessions:  A: retry open, B: gc row by row and of a whole partition. A: gc open, B: retry. Each
--            undone.
-- Guard:     The archived row's lock, SKIP LOCKED, NOWAIT.
-- Mutations: gc locks without SKIP LOCKED → 2 waits; the retry takes no lock → 9, 10 (back from the
--            dead), then 23505; a partition is dropped without NOWAIT → 14 waits.
--
-- Race:      Two retries; retry × its key (17–24)
-- Sessions:  A: retry open, B: retry, enqueue. A: enqueue open, B: retry.
-- Guard:     The same lock; the primary key of `correlation_keys`.
-- Mutations: The retry does not ask for the key → 20–24.
--
-- Race:      Retry × the commit in which the instance fails (25–27)
-- Sessions:  B: retry, held between two tables of the archive; main: the commit.
-- Guard:     Before it says that there is none it looks at both places in one snapshot.
-- Mutations: It looks at the live ones in a later one → 26, 27.
\ir prelude.psql
select plan(27);
select test.open('a', 'b');
select gd_register('w', array['p']) as w \gset
create procedure test.fail(worker bigint, inout id bigint, key text default null)
language plpgsql as $$
begin
    delete from gendurable.instances;
    select e.id into id from gd_enqueue('F', queue => 'p', correlation_key => key) as e;
    perform gd_pick(worker, 'p', 1);
    commit;
    perform test.query('b', test.end(worker, 'F', 'stop'));
    commit;
end
$$;
create function test.places(id bigint) returns text
language sql as $$
    select format('%s live, %s archived', (select count(*) from gendurable.instances as i where i.id = places.id),
        (select count(*) from gendurable.finished as f where f.id = places.id))
$$;

-- The retry first.
call test.fail(:w, null) \gset
select test.exec('a', 'begin');
select is(test.result(test.query('a', format('select gd_retry(%s)', :id))), 'retried',
    'an archived instance is being brought back');
select test.send('b', $$ select gd_gc('0') $$);
select ok(not test.is_blocked('b'), 'gc does not wait for it');
select is(test.result(test.answer('b')), '0', 'and leaves it alone');
select test.exec('a', 'commit');
select is(test.places(:id), '1 live, 0 archived', 'it is back');
-- The retry is undone.
call test.fail(:w, null) \gset
select test.exec('a', 'begin');
select test.query('a', format('select gd_retry(%s)', :id));
select test.query('b', $$ select gd_gc('0') $$);
select test.exec('a', 'rollback');
select is(test.places(:id), '0 live, 1 archived', 'a retry that is undone leaves it in the archive');
select is(gd_gc('0'), 1, 'for the next gc');
-- gc first.
call test.fail(:w, null) \gset
select test.exec('a', 'begin');
select is(test.result(test.query('a', $$ select gd_gc('0') $$)), '1', 'gc is forgetting an instance');
select test.send('b', format('select gd_retry(%s)', :id));
select ok(test.is_blocked('b'), 'a retry waits for it');
select test.exec('a', 'commit');
select is(test.result(test.answer('b')), 'no_target', 'and finds no instance');
select is(test.places(:id), '0 live, 0 archived', 'it is gone');
call test.fail(:w, null) \gset
select test.exec('a', 'begin');
select test.query('a', $$ select gd_gc('0') $$);
select test.send('b', format('select gd_retry(%s)', :id));
select test.is_blocked('b') \g /dev/null
select test.exec('a', 'rollback');
select is(test.result(test.answer('b')), 'retried', 'a gc that is undone forgot no instance');
select is(test.places(:id), '1 live, 0 archived', 'it is back');

-- A partition that is being emptied as a whole.
call test.fail(:w, null) \gset
do $$
declare
    v_from timestamptz := gendurable._partition_start(now() - interval '9 days');
begin
    create table gendurable.old (like gendurable.finished);
    execute format('alter table gendurable.finished attach partition gendurable.old for values from (%L) to (%L)',
        v_from, v_from + interval '6 hours');
    update gendurable.finished set finished_at = v_from + interval '1 hour';
end
$$;
select test.exec('a', 'begin');
select is(test.result(test.query('a', format('select gd_retry(%s)', :id))), 'retried',
    'one is being brought back from an old partition');
select test.send('b', $$ select gd_gc('7 days') $$);
select ok(not test.is_blocked('b'), 'gc of the partition does not wait for it');
select is(test.result(test.answer('b')), '0', 'and does not empty it');
select test.exec('a', 'commit');
select is(test.places(:id), '1 live, 0 archived', 'it is back');

-- Two retries.
call test.fail(:w, null) \gset
select test.exec('a', 'begin');
select test.query('a', format('select gd_retry(%s)', :id));
select test.send('b', format('select gd_retry(%s)', :id));
select ok(test.is_blocked('b'), 'a second retry waits for the first');
select test.exec('a', 'commit');
select is(test.result(test.answer('b')), 'not_failed', 'and finds it alive');
select is(test.places(:id), '1 live, 0 archived', 'once');

-- Its key is being taken.
delete from gendurable.correlation_keys;
call test.fail(:w, null, 'k') \gset
select test.exec('a', 'begin');
select test.query('a', $$ select * from gd_enqueue('X', queue => 'q', correlation_key => 'k') $$);
select test.send('b', format('select gd_retry(%s)', :id));
select ok(test.is_blocked('b'), 'a retry waits for the session that takes its key');
select test.exec('a', 'commit');
select is(test.result(test.answer('b')), 'key_taken', 'and leaves the key to that session');
select is(test.places(:id), '0 live, 1 archived', 'it stays where it was');
-- The retry takes the key first.
delete from gendurable.correlation_keys;
call test.fail(:w, null, 'k') \gset
select test.exec('a', 'begin');
select test.query('a', format('select gd_retry(%s)', :id));
select test.send('b', $$ select duplicate from gd_enqueue('X', queue => 'q', correlation_key => 'k') $$);
select ok(test.is_blocked('b'), 'a newcomer waits for a retry that takes the key');
select test.exec('a', 'commit');
select is(test.result(test.answer('b')), 'true', 'and is its duplicate');

-- It fails while the retry looks for it: it has passed the partition to which the instance goes.
delete from gendurable.correlation_keys;
select e.id as id from gd_enqueue('Y', queue => 'y') as e \gset
select p.fence as fence from gd_pick(:w, 'y', 1) as p \gset
select test.exec('a', 'begin');
select test.exec('a', 'lock table gendurable.kept in access exclusive mode');
select test.send('b', format('select gd_retry(%s)', :id));
select ok(test.is_blocked('b'), 'a retry of what runs is on its way through the archive');
select result from gd_commit(:w, jsonb_build_array(test.outcome(:id, :fence, 'stop'))) \g /dev/null
select test.exec('a', 'rollback');
select is(test.result(test.answer('b')), 'retried', 'it fails meanwhile: the retry finds it');
select is(test.places(:id), '1 live, 0 archived', 'and brings it back');
select * from finish();
