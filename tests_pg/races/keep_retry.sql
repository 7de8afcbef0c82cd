-- What outlives its partition moves × readers and retries; a retention that is set × maintenance.
--
-- Race:      An instance moves to `kept` × a reader, a retry (1–13)
-- Sessions:  A: move open, B: status, retry; each undone.
-- Guard:     The move is one statement. A later transaction empties the partition that the instance
--            left. The retry looks again.
-- Mutations: The retry looks once → 5–7.
--
-- Race:      `gd_set_retention` × maintenance (14–20)
-- Sessions:  A: maintenance open, B: set. A: set open, B: maintenance, gc.
-- Guard:     The maintenance lock, for which the setter waits.
-- Mutations: The setter does not wait → 15, 17, 18, 20.
\ir prelude.psql
select plan(20);
select test.open('a', 'b');
select gd_set_retention('2 days', '30 days') \g /dev/null

-- A failed instance and one that is done, in a window that is over.
create function test.old(name text, ids bigint) returns void
language plpgsql as $$
declare
    v_from timestamptz := gendurable._partition_start(now() - interval '9 days' + ids * interval '6 hours');
begin
    execute format('create table gendurable.%1$I (like gendurable.finished); alter table gendurable.finished attach '
        'partition gendurable.%1$I for values from (%2$L) to (%3$L)',
                   name, v_from, v_from + interval '6 hours');
    insert into gendurable.finished (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm,
        step, queue, state)
    select ids + n, v_from, v_from + interval '1 hour', 1, 0, 0, 1, n = 1, 'M', 'start', 'default',
        '{}' from generate_series(1, 2) as n;
end
$$;
create function test.where_is(id bigint) returns text
language sql as $$ select coalesce((select a.place::text from gendurable._archived(id) as a where a.place is not null),
    (select 'live' from gendurable.instances as i where i.id = where_is.id)) $$;
select task from gd_maintain() \g /dev/null

select test.old('old_1', -10);
select test.exec('a', 'begin');
select is(test.result(test.query('a', $$ select affected from gd_maintain() where task = 'more' $$)), '1',
    'an instance is moving');
select test.send('b', 'select status from gd_status(-9)');
select ok(not test.is_blocked('b'), 'a reader does not wait');
select is(test.result(test.answer('b')), 'failed', 'and finds it in its old place');
select test.send('b', 'select gd_retry(-9)');
select ok(test.is_blocked('b'), 'a retry waits for the move');
select test.exec('a', 'commit');
select is(test.result(test.answer('b')), 'retried', 'and follows it');
select is(test.where_is(-9), 'live', 'it is back');
select is((select count(*) from gendurable.archive as a where a.id = -9), 0::bigint, 'and not archived any more');
select is((select m.affected from gd_maintain() as m where m.task = 'gc'), 1::bigint,
    'the partition goes with what is left in it');

-- A move that is undone.
select test.old('old_2', -20);
select test.exec('a', 'begin');
select test.query('a', 'select task from gd_maintain()');
select test.send('b', 'select gd_retry(-19)');
select test.is_blocked('b') \g /dev/null
select test.exec('a', 'rollback');
select is(test.result(test.answer('b')), 'retried',
    'a retry that waited for a move that is undone finds it where it was');
select is(test.where_is(-19), 'live', 'it is back, too');

-- A retry in flight: what moves is another time's.
select test.old('old_3', -30);
select test.exec('a', 'begin');
select test.query('a', 'select gd_retry(-29)');
select test.send('b', $$ select affected from gd_maintain() where task = 'gc' $$);
select ok(not test.is_blocked('b'), 'maintenance does not wait for a retry');
select is(test.result(test.answer('b')), '0', 'and leaves its partition alone');
select test.exec('a', 'rollback');
select gd_maintain() \g /dev/null
select is(test.where_is(-29), 'gendurable.kept', 'a retry that is undone leaves it to the next one');

-- Retention × maintenance.
select test.old('old_4', -40);
select test.exec('a', 'begin');
select test.query('a', 'select gd_set_retention(null)::text');
select test.send('b', 'select gd_gc()');
select ok(not test.is_blocked('b'), 'gc does not wait for a retention that is being set');
select is(test.result(test.answer('b')), '0', 'and forgets nothing meanwhile');
select test.exec('a', 'commit');
select is(gd_gc(), 0, 'nor after it: it is for ever');
select is(test.where_is(-38), 'gendurable.old_4', 'all are there');
select test.exec('a', 'begin');
select test.query('a', 'select task from gd_maintain()');
select test.send('b', $$ select gd_set_retention('1 year')::text $$);
select ok(test.is_blocked('b'), 'a retention waits for maintenance in flight');
select test.exec('a', 'commit');
select test.answer('b');
select is((select r.finished from gendurable.retention as r), '1 year'::interval, 'and is set');
select is(test.where_is(-38), 'gendurable.old_4', 'before anything was forgotten by another one');
select * from finish();
