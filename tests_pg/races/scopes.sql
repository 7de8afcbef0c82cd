-- Scope transitions × enqueue of the same key: one occupant at a time, and no commit or pick waits
-- for a client or fails because of a key.
--
-- Race:      Scope transitions × enqueue of the same key (1–20, 28–31)
-- Sessions:  Into and out of the scope by a pick, by a deadline, by an end: A open, B: enqueue; and
--            the reverse. Four hundred at once.
-- Guard:     Insert or do nothing, with a time limit; a transaction deletes its own row only.
-- Mutations: The key is not freed → 10, 11, 13, 14, 16, 17, 19, 31; other instances' keys are freed
--            → 4, 6; an end frees them → 6; no time limit → 22 waits; a time limit for each key →
--            29.
--
-- Race:      Two that end into the scope (21–27)
-- Sessions:  A: done open, B: done of the other. B: stopped before it takes the key, A: done.
-- Guard:     The first one keeps it.
-- Mutations: The second overwrites it → 6, 19, 27; no ON CONFLICT → 23505 after 25.
--
-- Race:      gc of a reservation × enqueue (32–37)
-- Sessions:  A: gc open, B: enqueue waits, and gets the key.
-- Guard:     The key goes with the archived row.
-- Mutations: The key is not freed → 33–36.
\ir prelude.psql
select plan(37);
select test.open('a', 'b', 'c');
select gd_register('w', array['p', 'q']) as w \gset
create function test.occupant(key text) returns text
language sql as $$
    select coalesce((select i.fsm || ' ' || i.status from gendurable.correlation_keys as k left join gd_instances as i
        on i.id = k.instance_id where k.key = occupant.key), 'nobody')
$$;
create function test.enqueue(fsm text, scope text default null, key text default 'k') returns text
language sql as $$ select format(
    'select duplicate from gd_enqueue(%L, queue => ''q'', correlation_key => %L, correlation_scope => %L)', fsm, key,
    scope) $$;

-- Into the scope by a pick: the scope begins with executing. An open client transaction is taking the key.
select gd_enqueue('E', queue => 'p', correlation_key => 'k', correlation_scope => '{executing}') \g /dev/null
select is(test.occupant('k'), 'nobody', 'a key is free outside its scope');
select test.exec('a', 'begin');
select test.query('a', test.enqueue('X'));
select test.send('b', test.pick(:w, 'p'));
select test.is_blocked('b', '20 ms') \g /dev/null
select is(test.names(test.answer('b')), 'E', 'a pick into the scope does not wait for a client that is taking the key');
select test.exec('a', 'commit');
select is(test.occupant('k'), 'X runnable', 'which has it now');
select gd_release(:w, array(select id from gendurable.instances where fsm = 'E')) \g /dev/null
select is(test.occupant('k'), 'X runnable', 'the other one takes nothing away when it leaves the scope');
select test.query('b', test.pick(:w, 'p'));
select is(test.results(test.query('b', test.end(:w, 'E'))), 'committed', 'it goes on without');
select is(test.occupant('k'), 'X runnable', 'and takes nothing away when it ends');
delete from gendurable.instances;
delete from gendurable.correlation_keys;
-- The client is undone.
select gd_enqueue('E', queue => 'p', correlation_key => 'k', correlation_scope => '{executing}') \g /dev/null
select test.exec('a', 'begin');
select test.query('a', test.enqueue('X'));
select test.exec('a', 'rollback');
select is(test.names(test.query('b', test.pick(:w, 'p'))), 'E', 'after a client that is undone');
select is(test.occupant('k'), 'E executing', 'the key is taken');
select is(test.result(test.query('a', test.enqueue('X'))), 'true', 'and a newcomer is a duplicate');

-- The pick is in flight: the newcomer waits for it, then is a duplicate; or has the key, when it is undone.
select gd_release(:w, array(select id from gendurable.instances)) \g /dev/null
select is(test.occupant('k'), 'nobody', 'out of the scope the key is free');
select test.exec('b', 'begin');
select test.query('b', test.pick(:w, 'p'));
select test.send('a', test.enqueue('X'));
select ok(test.is_blocked('a'), 'a newcomer waits for a pick into the scope');
select test.exec('b', 'commit');
select is(test.result(test.answer('a')), 'true', 'and is its duplicate');
select gd_release(:w, array(select id from gendurable.instances)) \g /dev/null
select test.exec('b', 'begin');
select test.query('b', test.pick(:w, 'p'));
select test.send('a', test.enqueue('X'));
select test.is_blocked('a') \g /dev/null
select test.exec('b', 'rollback');
select is(test.result(test.answer('a')), 'false', 'or has the key when the pick is undone');
select is(test.occupant('k'), 'X runnable', 'alone');
delete from gendurable.instances;
delete from gendurable.correlation_keys;

-- Out of the scope by a pick: the scope is runnable only. A newcomer in between waits for the pick.
select gd_enqueue('R', queue => 'p', correlation_key => 'k', correlation_scope => '{runnable}') \g /dev/null
select test.exec('b', 'begin');
select is(test.names(test.query('b', test.pick(:w, 'p'))), 'R', 'a pick takes an instance out of its scope');
select test.send('a', test.enqueue('X'));
select ok(test.is_blocked('a'), 'a newcomer waits for it');
select test.exec('b', 'commit');
select is(test.result(test.answer('a')), 'false', 'and has the key');
select is(test.results(test.query('b', test.end(:w, 'R', 'retry'))), 'committed',
    'the first one comes back into its scope');
select is(test.occupant('k'), 'X runnable', 'and does not take the key back');
delete from gendurable.instances;
delete from gendurable.correlation_keys;

-- Two that finish with the key reserved, in two transactions: the first one keeps it.
create function test.reserve(worker bigint) returns void
language plpgsql as $$
begin
    perform gd_enqueue('D1', queue => 'p', correlation_key => 'k', correlation_scope => '{done}'),
        gd_enqueue('D2', queue => 'p', correlation_key => 'k', correlation_scope => '{done}'),
            gd_enqueue('Z', queue => 'p');
    perform gd_pick(worker, 'p', 3);
end
$$;
select test.reserve(:w);
select test.exec('a', 'begin');
select is(test.results(test.query('a', test.end(:w, 'D1'))), 'committed', 'one of two is finishing into the scope');
select clock_timestamp() as started \gset
select is(test.results(test.query('b',
    test.commit(:w, (select test.outcome(i.id, i.fence, 'done') from gendurable.instances as i where i.fsm = 'D2'),
    (select test.outcome(i.id, i.fence, 'done') from gendurable.instances as i where i.fsm = 'Z')))),
    'committed committed', 'the other one does not fail because of it, nor what is committed with it');
select ok(clock_timestamp() - :'started'::timestamptz < interval '20 s',
    'and waits 50 ms at most, give or take a slow machine');
select test.exec('a', 'commit');
select is(test.occupant('k'), 'D1 done', 'the first one keeps the key');
select is(test.result(test.query('a', test.enqueue('X'))), 'true', 'and a newcomer is its duplicate');
-- The first one commits between the other one's look at the key and its taking it: a gate holds that one there.
delete from gendurable.instances;
delete from gendurable.correlation_keys;
select test.reserve(:w);
create function test.patient_gate() returns trigger
language plpgsql set lock_timeout = '60s' as $$
begin
    if current_setting('application_name') = 'b' then
        perform pg_advisory_lock_shared(1);
        perform pg_advisory_unlock_shared(1);
    end if;
    return new;
end
$$;
create trigger gate before insert on gendurable.correlation_keys for each row execute function test.patient_gate();
select pg_advisory_lock(1) \g /dev/null
select test.send('b', test.end(:w, 'D2'));
select ok(test.is_blocked('b'), 'one of two is about to take the key');
select test.query('a', test.end(:w, 'D1'));
select pg_advisory_unlock(1) \g /dev/null
select is(test.results(test.answer('b')), 'committed', 'when the other one has it, it is committed without');
select is(test.occupant('k'), 'D1 done', 'and takes nothing away');
drop trigger gate on gendurable.correlation_keys;
-- Many at once: the patience is for all of them together.
delete from gendurable.instances;
select gd_enqueue('D' || n, queue => 'p', correlation_key => 'k' || n, correlation_scope => '{done}')
    from generate_series(1, 400) as n \g /dev/null
select gd_pick(:w, 'p', 400) \g /dev/null
select test.exec('a', 'begin');
select test.query('a', $$
    select count(*) from gd_enqueue_many((select jsonb_agg(jsonb_build_object('fsm', 'X', 'correlation_key', 'k' || n))
        from generate_series(1, 400) as n)) $$);
select clock_timestamp() as started \gset
select is((select string_agg(distinct a.value ->> 'result', ' ')
    from jsonb_array_elements(test.query('b',
        test.commit(:w, variadic array(select test.outcome(i.id, i.fence, 'done') from gendurable.instances as i
            where i.worker_id = :w)))) as a),
    'committed', 'four hundred that finish with keys that a client is taking are committed');
select ok(clock_timestamp() - :'started'::timestamptz < interval '10 s', 'with patience for one');
select test.exec('a', 'rollback');
delete from gendurable.correlation_keys;

-- A park whose deadline passes while its key is being taken: maintenance and picks go on.
select gd_enqueue('T', queue => 'p', correlation_key => 'k', correlation_scope => '{runnable}') \g /dev/null
select gd_pick(:w, 'p', 1) \g /dev/null
select test.query('b', test.end(:w, 'T', 'await', '{"names": ["x"], "timeout_ms": -1}'));
select test.exec('a', 'begin');
select test.query('a', test.enqueue('X'));
select test.send('b', 'select gd_expire_awaits()');
select test.is_blocked('b', '20 ms') \g /dev/null
select is(test.result(test.answer('b')), '1', 'a deadline fires while a client takes the key');
select test.exec('a', 'commit');
select is(test.occupant('k'), 'X runnable', 'which keeps it');
delete from gendurable.instances;
delete from gendurable.correlation_keys;

-- gc of a reservation × enqueue.
select gd_enqueue('D', queue => 'p', correlation_key => 'k', correlation_scope => '{runnable,executing,done}')
    \g /dev/null
select gd_pick(:w, 'p', 1) \g /dev/null
select test.query('b', test.end(:w, 'D'));
select test.exec('b', 'begin');
select is(test.result(test.query('b', $$ select gd_gc('0') > 0 $$)), 'true', 'gc is forgetting who reserved the key');
select test.send('a', test.enqueue('X'));
select ok(test.is_blocked('a'), 'a newcomer waits for it');
select test.exec('b', 'commit');
select is(test.result(test.answer('a')), 'false', 'and has the key');
select test.exec('b', 'begin');
select is(test.occupant('k'), 'X runnable', 'alone');
select test.exec('b', 'rollback');
select is_empty($$ select k.key from gendurable.correlation_keys as k
    where not exists (select from gd_instances as i where i.id = k.instance_id) $$,
    'no key is left without an instance');
select is_empty($$ select i.correlation_key from gendurable.instances as i
    where i.correlation_key is not null and i.correlation_scope is null
    and not exists (select from gendurable.correlation_keys as k
        where k.key = i.correlation_key and k.instance_id = i.id) $$, 'and no instance lives without its key');
select * from finish();
