-- gd_cancel_many, gd_retry_many × whatever holds one of the instances: the others do not wait.
--
-- Race:      `gd_cancel_many` × a client, a commit, another call, a parent (1–16, 29–30)
-- Sessions:  A: a client's transaction, a commit, `gd_cancel_many` in the other order, or one that
--            has the parent, open; B: `gd_cancel_many`.
-- Guard:     SKIP LOCKED, tried again for 50 ms.
-- Mutations: It waits → 1; it does not try again → 7; parents are not locked → 13.
--
-- Race:      `gd_retry_many` × retry, its key, maintenance (17–28)
-- Sessions:  A: retry, enqueue of the key, or a move to `kept`, open; B: `gd_retry_many`.
-- Guard:     SKIP LOCKED; 50 ms for a key.
-- Mutations: It waits for the row → 18; it waits for the key → 21.
--
-- Race:      `gd_retry_many` × the commit in which one fails (31–33)
-- Sessions:  B: `gd_retry_many`, held between two tables of the archive; main: the commit.
-- Guard:     What it finds neither live nor in the archive it looks for once more.
-- Mutations: It looks once → 32, 33.
\ir prelude.psql
select plan(33);
select test.open('a', 'b');
select gd_register('w', lease => '1 day') as w \gset
select array_agg(e.id order by e.ord) as ids
    from gd_enqueue_many((select jsonb_agg(jsonb_build_object('fsm', 'M' || n, 'priority', n))
        from generate_series(1, 3) as n)) as e \gset
create function test.many(call text, ids bigint[]) returns text language sql as $$
    select format('select id, result from gd_%s_many(%L)', call, ids) $$;
create function test.statuses(ids bigint[]) returns text language sql as $$
    select string_agg(i.status, ' ' order by i.id) from gd_instances as i where i.id = any (ids) $$;

-- cancel × an open client transaction.
select test.exec('a', 'begin');
select test.query('a', format('select gd_signal(%s::bigint, ''x'')', (:'ids'::bigint[])[1]));
select test.send('b', test.many('cancel', :'ids'));
select ok(not test.is_blocked('b'), 'a client has one of three instances: cancelling them waits for no lock');
select is(test.results(test.answer('b')), 'busy cancelled cancelled', 'the others are cancelled');
select is(test.statuses(:'ids'), 'runnable failed failed', 'at once, while the client goes on');
select test.exec('a', 'commit');
select is(test.results(test.query('b', test.many('cancel', :'ids'))), 'cancelled no_target no_target',
    'said again, it is cancelled, too');
select is(test.statuses(:'ids'), 'failed failed failed', 'then all have failed');

-- cancel × a commit that ends soon: it is tried again. With more patience, so that this is no matter of time.
do $$ begin execute replace(pg_get_functiondef('gendurable._lock_free(bigint[])'::regprocedure), '50 ms', '60 s');
    end $$;
select id as i, fence as f from gd_enqueue('C'), gd_pick(:w, 'default', 1) as p (i, fence) \g /dev/null
select p.id as i, p.fence as f from (select i.id, i.fence from gendurable.instances as i where i.fsm = 'C') as p \gset
select test.exec('a', 'begin');
select is(test.results(test.query('a', test.commit(:w, test.outcome(:i, :f, 'next', '{"step": "two"}')))), 'committed',
    'a commit is in flight');
select test.send('b', test.many('cancel', array[:i]::bigint[]));
do $$
begin
    while not exists (select from pg_stat_activity as a
        where a.application_name = 'b' and a.datname = current_database() and a.wait_event = 'PgSleep')
        and dblink_is_busy('b') = 1 loop
        perform pg_stat_clear_snapshot();
    end loop;
end
$$;
select test.exec('a', 'commit');
select is(test.results(test.answer('b')), 'cancelled', 'a cancellation beside it tries again until it has ended');
do $$ begin execute replace(pg_get_functiondef('gendurable._lock_free(bigint[])'::regprocedure), '60 s', '50 ms');
    end $$;

-- cancel × cancel, in opposite orders.
select array_agg(e.id order by e.ord) as ids from gd_enqueue_many('[{"fsm": "A"}, {"fsm": "B"}, {"fsm": "C"}]')
    as e \gset
select test.exec('a', 'begin');
select is(test.results(test.query('a', test.many('cancel', (:'ids'::bigint[])[1:2]))), 'cancelled cancelled',
    'a cancellation is in flight');
select test.send('b', test.many('cancel', array[(:'ids'::bigint[])[3], (:'ids'::bigint[])[2], (:'ids'::bigint[])[1]]));
select ok(not test.is_blocked('b'), 'another one does not wait for it');
select is(test.results(test.answer('b')), 'cancelled busy busy', 'and cancels what is left');
select test.exec('a', 'rollback');
select is(test.statuses(:'ids'), 'runnable runnable failed', 'the first one is undone');
select is(test.results(test.query('b', test.many('cancel', :'ids'))), 'cancelled cancelled no_target',
    'and can be said again');

-- cancel × its parent.
select gd_enqueue('P', priority => -1) \g /dev/null
select p.id as p, p.fence as f from gd_pick(:w, 'default', 1) as p \gset
select test.query('b', test.commit(:w,
    test.outcome(:p, :f, 'schedule_children', '{"children": [{"fsm": "K"}, {"fsm": "K"}]}')));
select array_agg(i.id order by i.id) as kids from gendurable.instances as i where i.parent_id = :p \gset
select (gd_enqueue('Free')).id as free \gset
select test.exec('a', 'begin');
select test.query('a', format('select gd_signal(%s::bigint, ''x'')', :p));
select test.send('b', test.many('cancel', :'kids'::bigint[] || :free::bigint));
select ok(not test.is_blocked('b'), 'a client has the parent of two children');
select is(test.results(test.answer('b')), 'busy busy cancelled',
    'they are not cancelled behind its back, what has another parent is');
select test.exec('a', 'commit');
select is(test.results(test.query('b', test.many('cancel', :'kids'))), 'cancelled cancelled', 'then they are');
select is((select row(i.status, i.children_pending)::text from gd_instances as i where i.id = :p), '(runnable,0)',
    'and counted');
select gd_cancel(:p) \g /dev/null

-- retry × retry.
select array_agg(e.id order by e.ord) as ids
    from gd_enqueue_many('[{"fsm": "A"}, {"fsm": "B", "correlation_key": "k"}, {"fsm": "C"}]') as e \gset
select gd_cancel_many(:'ids') \g /dev/null
select test.exec('a', 'begin');
select is(test.result(test.query('a', format('select gd_retry(%s)', (:'ids'::bigint[])[1]))), 'retried',
    'one of three is being brought back');
select test.send('b', test.many('retry', :'ids'));
select ok(not test.is_blocked('b'), 'bringing them all back does not wait for it');
select is(test.results(test.answer('b')), 'busy retried retried', 'the others are back');
select test.exec('a', 'rollback');
select is(test.results(test.query('b', test.many('retry', :'ids'))), 'retried not_failed not_failed',
    'it is undone, and said again');

-- retry × its correlation key.
select gd_cancel_many(:'ids') \g /dev/null
select test.exec('a', 'begin');
select test.query('a', $$ select id from gd_enqueue('Z', correlation_key => 'k') $$);
select test.send('b', test.many('retry', :'ids'));
select is(test.results(test.answer('b')), 'retried busy retried',
    'the key of one is being taken: after 50 ms it is left');
select test.exec('a', 'rollback');
select is(test.results(test.query('b', test.many('retry', :'ids'))), 'not_failed retried not_failed',
    'it is not taken, and said again');
select gd_cancel_many(:'ids') \g /dev/null
select test.exec('a', 'begin');
select test.query('a', $$ select id from gd_enqueue('Z', correlation_key => 'k') $$);
select test.exec('a', 'commit');
select is(test.results(test.query('b', test.many('retry', :'ids'))), 'retried key_taken retried', 'it is taken');

-- retry × maintenance that moves it.
select gd_cancel_many(:'ids') \g /dev/null
select gd_set_retention('1 hour', '1 year') \g /dev/null
update gendurable.finished set finished_at = now() - interval '2 days' where id = (:'ids'::bigint[])[1];
select test.exec('a', 'begin');
select test.query('a', 'select count(*) from gd_maintain()');
select test.exec('a', 'commit');
select test.exec('a', 'begin');
select test.query('a', 'select count(*) from gd_maintain()');
select is((select count(*)::int from gendurable.kept as k where k.id = (:'ids'::bigint[])[1]), 0,
    'one of them is being moved');
select test.send('b', test.many('retry', (:'ids'::bigint[])[1:1] || (:'ids'::bigint[])[3]));
select ok(not test.is_blocked('b'), 'bringing it back does not wait for that');
select is(test.results(test.answer('b')), 'busy retried', 'it is left, the other one is back');
select test.exec('a', 'commit');
select is((select count(*)::int from gendurable.kept as k where k.id = (:'ids'::bigint[])[1]), 1, 'it has moved');
select is(test.results(test.query('b', test.many('retry', (:'ids'::bigint[])[1:1]))), 'retried',
    'and is brought back from there');

-- A thousand, one of which is taken.
select array_agg(e.id order by e.ord) as ids
    from gd_enqueue_many((select jsonb_agg(jsonb_build_object('fsm', 'M', 'queue', 'many'))
        from generate_series(1, 1000))) as e \gset
select test.exec('a', 'begin');
select test.query('a', format('select gd_signal(%s::bigint, ''x'')', (:'ids'::bigint[])[500]));
select clock_timestamp() as began \gset
select test.query('b', test.many('cancel', :'ids'));
select cmp_ok(extract(epoch from clock_timestamp() - :'began')::float8, '<', 5.0::float8, 'it does not take long');
select test.exec('a', 'commit');
select is((select count(*)::int from gendurable.instances as i where i.queue = 'many'), 1,
    'and all but that one are gone');

-- retry × the commit in which one fails: it has looked through the partition to which that one goes.
select e.id as f from gd_enqueue('F', queue => 'f') as e \gset
select p.fence as fence from gd_pick(:w, 'f', 1) as p \gset
select test.exec('a', 'begin');
select test.exec('a', 'lock table gendurable.kept in access exclusive mode');
select test.send('b', test.many('retry', array[:f]::bigint[]));
select ok(test.is_blocked('b'), 'bringing one back that runs is on its way through the archive');
select result from gd_commit(:w, jsonb_build_array(test.outcome(:f, :fence, 'stop'))) \g /dev/null
select test.exec('a', 'rollback');
select is(test.results(test.answer('b')), 'retried', 'it fails meanwhile: it is found where it has gone');
select is((select s.status from gd_status(:f::bigint) as s), 'runnable', 'and is back');
select * from finish();
