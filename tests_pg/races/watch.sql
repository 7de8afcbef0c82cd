-- Watch × the end or the park of an instance: after LISTEN, watch and look nothing is missed.
--
-- Race:      Watch × end, park (1–16, 25–27)
-- Sessions:  A: commit open, B: watch waits; A undone. Cancel and retry in one transaction. B:
--            watch open, A: commit is busy.
-- Guard:     The instance's lock. What has ended meanwhile is looked up in a statement of its own,
--            and watched after all if it lives.
-- Mutations: No lock → 3, 6; no second look → 3; what lives after all is not watched → 27.
--
-- Race:      Watch × pick, running ahead, reap (17–22)
-- Sessions:  Watched, picked, run ahead, parked. Watched, reaped, cancelled.
-- Guard:     The mark stays until the watcher was told.
-- Mutations: It stays after that → 21.
--
-- Race:      Watch × watch (23–24)
-- Sessions:  A: watch open, B: watch.
-- Guard:     The same lock; one notification, which all listeners hear.
-- Mutations: A second watch takes the mark off → 24.
\ir prelude.psql
select plan(27);
select test.open('a', 'b', 'l');
select test.exec('l', 'listen gendurable_watch');
create function test.heard() returns text language plpgsql as $$
begin
    perform test.query('l', 'select 1');
    return (select coalesce(string_agg(n.extra, ' ' order by n.extra), '-') from dblink_get_notify('l') as n);
end
$$;
select gd_register('w', lease => '1 day') as w \gset
create function test.claim(worker bigint) returns jsonb
language plpgsql as $$
begin
    perform gd_enqueue('M');
    return (select to_jsonb(p) from (select p.id, p.fence from gd_pick(worker, 'default', 1) as p) as p);
end
$$;
create function test.watch(claim jsonb) returns text language sql as $$
    select format('select gd_watch(%s::bigint)', claim ->> 'id') $$;

-- The commit first: the watch waits for it, and answers what it has left.
select test.claim(:w) as o \gset
select test.exec('a', 'begin');
select is(test.results(test.query('a', test.commit(:w, :'o'::jsonb || '{"kind": "done"}'))), 'committed',
    'an end is in flight');
select test.send('b', test.watch(:'o'));
select ok(test.is_blocked('b'), 'a watch waits for it');
select test.exec('a', 'commit');
select is(test.result(test.answer('b')), 'done', 'and finds the end');
select is(test.heard(), '-', 'of which no session is told');

-- The same with a park.
select test.claim(:w) as o \gset
select test.exec('a', 'begin');
select test.query('a', test.commit(:w, :'o'::jsonb || '{"kind": "await", "names": ["x"]}'));
select test.send('b', test.watch(:'o'));
select ok(test.is_blocked('b'), 'a watch waits for a park in flight');
select test.exec('a', 'commit');
select is(test.result(test.answer('b')), 'awaiting_signal', 'and finds the park');
select is(test.heard(), '-', 'of which no session is told');
select gd_cancel((:'o'::jsonb ->> 'id')::bigint) \g /dev/null
select is(test.heard(), (:'o'::jsonb ->> 'id') || ':failed', 'but of the end after it');

-- The commit first, and undone.
select test.claim(:w) as o \gset
select test.exec('a', 'begin');
select test.query('a', test.commit(:w, :'o'::jsonb || '{"kind": "done"}'));
select test.send('b', test.watch(:'o'));
select ok(test.is_blocked('b'), 'a watch waits for an end');
select test.exec('a', 'rollback');
select is(test.result(test.answer('b')), 'executing', 'that is undone');
select is(test.results(test.query('a', test.commit(:w, :'o'::jsonb || '{"kind": "done"}'))) || ' ' || test.heard(),
    'committed ' || (:'o'::jsonb ->> 'id') || ':done', 'the end that comes is told of');

-- The watch first: the commit is offered again, and finds it.
select test.claim(:w) as o \gset
select test.exec('b', 'begin');
select is(test.result(test.query('b', test.watch(:'o'))), 'executing', 'a watch is in flight');
select test.send('a', test.commit(:w, :'o'::jsonb || '{"kind": "await", "names": ["x"]}'));
select ok(not test.is_blocked('a'), 'the commit of a park does not wait for it');
select is(test.results(test.answer('a')), 'busy', 'and is to be offered again');
select test.exec('b', 'commit');
select is(test.results(test.query('a', test.commit(:w, :'o'::jsonb || '{"kind": "await", "names": ["x"]}'))),
    'committed', 'it is');
select is(test.heard(), (:'o'::jsonb ->> 'id') || ':awaiting_signal', 'and told of');

-- A pick, and a step that runs ahead, between the watch and its news: neither loses it.
select is(test.result(test.query('b', test.watch(:'o'))), 'awaiting_signal', 'a park is watched');
select gd_signal((:'o'::jsonb ->> 'id')::bigint, 'x') \g /dev/null
select to_jsonb(p) as o from (select p.id, p.fence from gd_pick(:w, 'default', 1) as p) as p \gset
select (test.query('a', test.commit(:w, :'o'::jsonb || '{"kind": "next", "step": "two", "continue": true}')) #>>
    '{0,fence}')::bigint as fence \gset
select test.exec('a', 'begin');
select is(test.results(test.query('a',
    test.commit(:w, :'o'::jsonb || format('{"fence": %s, "kind": "schedule_children", "children": [{"fsm": "C"}]}',
        :fence)::jsonb))), 'committed', 'it runs ahead and parks for its children');
select is(test.heard(), '-', 'nothing is told before that is committed');
select test.exec('a', 'commit');
select is(test.heard(), (:'o'::jsonb ->> 'id') || ':awaiting_children', 'then it is');

-- Reaped while it is watched.
select gd_cancel((:'o'::jsonb ->> 'id')::bigint, cascade => true) \g /dev/null
select test.claim(:w) as o \gset
select test.query('b', test.watch(:'o'));
select gd_reap(:w) \g /dev/null
select is(test.heard(), '-', 'to be reaped is no park');
select is(test.result(test.query('a', format('select gd_cancel(%s::bigint)', :'o'::jsonb ->> 'id'))) || ' '
    || test.heard(), '1 ' || (:'o'::jsonb ->> 'id') || ':failed', 'and does not end the watch');

-- Two that watch: one notification, which both hear.
select gd_register('w', lease => '1 day') as w \gset
select test.claim(:w) as o \gset
select test.exec('a', 'begin');
select test.query('a', test.watch(:'o'));
select test.send('b', test.watch(:'o'));
select ok(test.is_blocked('b'), 'a second watch waits for the first one');
select test.exec('a', 'commit');
select test.answer('b');
select is(test.results(test.query('a', test.commit(:w, :'o'::jsonb || '{"kind": "done"}'))) || ' ' || test.heard(),
    'committed ' || (:'o'::jsonb ->> 'id') || ':done', 'both are told at once');
-- The end and the revival in one transaction.
select test.claim(:w) as o \gset
select test.exec('a', 'begin');
select test.query('a', format('select gd_cancel(%1$s::bigint) as x', :'o'::jsonb ->> 'id')),
    test.query('a', format('select gd_retry(%1$s) as x', :'o'::jsonb ->> 'id'));
select test.send('b', test.watch(:'o'));
select ok(test.is_blocked('b'), 'a watch waits for a transaction that starts an instance over');
select test.exec('a', 'commit');
select is(test.result(test.answer('b')), 'runnable', 'and finds it live');
select test.heard() \g /dev/null
select gd_cancel((:'o'::jsonb ->> 'id')::bigint) \g /dev/null
select is(test.heard(), (:'o'::jsonb ->> 'id') || ':failed', 'and watched');
select * from finish();
