-- Workers that declare the same new versions at the same time: none waits for another, none is
-- lost, and a worker that is forgotten while it declares leaves nothing behind.
--
-- Race:      Two workers × one new version
-- Sessions:  A: register open, B: register with the same versions, also in the opposite order; A
--            undone.
-- Guard:     No unique index on `versions`: each leaves a row.
-- Mutations: A unique index and ON CONFLICT DO NOTHING → 1 waits.
--
-- Race:      Declare × reap
-- Sessions:  A: `gd_declare` open, B: `gd_unregister`; and the reverse. C: a pick.
-- Guard:     The worker's row, shared: B waits, and then deletes what was added. Behind B the
--            worker is gone (GD010). A pick does not wait.
-- Mutations: No lock → 9–13 (a machine of no worker is left).
\ir prelude.psql
select plan(13);
select test.open('a', 'b', 'c');

create function test.declare(machines text) returns text
language sql as $$ select format('select gd_register(%L, info => %L)', 'w', format('{"machines": %s}', machines)) $$;

select test.exec('a', 'begin');
select test.exec('b', 'begin');
select test.query('a', test.declare('[{"fsm": "M", "version": 2}]'));
select test.send('b', test.declare('[{"fsm": "N", "version": 2}, {"fsm": "M", "version": 2}]'));
select ok(not test.is_blocked('b'), 'one that declares the same new version does not wait');
select test.answer('b');
select test.send('a', test.declare('[{"fsm": "N", "version": 2}]'));
select ok(not test.is_blocked('a'), 'nor two that do it in opposite orders');
select test.answer('a');
select test.send('c', test.declare('[{"fsm": "M", "version": 2}, {"fsm": "N", "version": 2}]'));
select ok(not test.is_blocked('c'), 'nor a third');
select test.answer('c');

-- Enqueued meanwhile: what is committed counts.
select is(gendurable._newest_version('M'), 2, 'of the third, which is committed');
select test.exec('b', 'commit');
select test.exec('a', 'rollback');
select is(gendurable._newest_version('N'), 2, 'one that was undone declared nothing, and took nothing with it');
select gd_unregister(w.id) from gendurable.workers as w \g /dev/null
select results_eq('select gendurable._newest_version(f) from unnest($${M,N,O}$$::text[]) as f', 'values (2), (2), (1)',
    'the versions are known when all have left');
select is((select count(*)::int from gendurable.machines), 0, 'their declarations have gone with them');

-- declare x reap: what a worker adds while it is forgotten is not left behind.
create function test.more(worker bigint) returns text
language sql as $$ select format('select gd_declare(%s, %L)', worker, '[{"fsm": "P", "version": 1}]') $$;
select gd_register('w', info => '{"machines": []}') as w \gset
select test.exec('a', 'begin');
select test.query('a', test.more(:w));
select test.send('c', format('select id from gd_pick(%s, %L, 1)', :w, 'default'));
select ok(not test.is_blocked('c'), 'a pick does not wait for what its worker declares');
select test.answer('c');
select test.send('b', format('select gd_unregister(%s)', :w));
select ok(test.is_blocked('b'), 'a farewell waits for what the worker declares');
select test.exec('a', 'commit');
select test.answer('b');
select is((select count(*)::int from gendurable.machines), 0, 'and takes it along');
select gd_register('w', info => '{"machines": []}') as w \gset
select test.exec('a', 'begin');
select test.query('a', format('select gd_unregister(%s)', :w));
select test.send('b', test.more(:w));
select ok(test.is_blocked('b'), 'in the other order the declaration waits');
select test.exec('a', 'commit');
select throws_ok($$ select test.answer('b') $$, 'GD010', null, 'and the worker is gone');
select is((select count(*)::int from gendurable.machines), 0, 'nothing is left behind');

select * from finish();
