-- Signal × end of its target: the signal reaches the key's new occupant or no instance, and is
-- never stored for one that has ended.
--
-- Race:      Signal × end of the target
-- Sessions:  A: done open (and the key enqueued again), B: signal by key, by id, in a batch. A:
--            cancel and retry in one transaction.
-- Guard:     The row lock; then a second look at the key and at the target.
-- Mutations: One look at the key → 8, 9; no second look at the target → 34–37; no lock → 1, 2, 3; a
--            batch that does not look again → 12, 13, 15; a batch that looks again with locks in
--            hand → 24 (40P01).
\ir prelude.psql
select plan(40);
select test.open('a', 'b', 'c');
select gd_register('w') as w \gset
create function test.claim(worker bigint) returns jsonb
language sql as $$ select test.outcome(p.id, p.fence, 'done') from gd_pick(worker, 'default', 1) as p $$;

-- The end is in flight, the signal waits for it: by key, by id, in a batch.
create function test.meets_end(worker bigint, query text, ending text, enqueues boolean default false) returns text
language plpgsql as $$
declare
    v_outcome jsonb;
    v_waits   boolean;
    v_answer  jsonb;
begin
    v_outcome := test.query('c', format($c$ select test.claim(%s) as o $c$, worker)) -> 0 -> 'o';
    perform test.exec('a', 'begin');
    perform test.query('a', test.commit(worker, v_outcome));
    if enqueues then
        perform test.query('a', $c$ select * from gd_enqueue('M', correlation_key => 'k') $c$);
    end if;
    perform test.send('b', replace(query, '$id', v_outcome ->> 'id'));
    v_waits := test.is_blocked('b');
    perform test.exec('a', ending);
    v_answer := test.answer('b');
    return format('%s %s', case when v_waits then 'waits:' else 'at once:' end, test.result(v_answer));
end
$$;
create function test.inbox() returns text
language sql as $$
    select coalesce(string_agg(format('%s %s', s.name,
        case when i.id is null then 'of the dead' else 'of the living' end), ', ' order by s.id), 'empty')
    from gendurable.signals as s left join gendurable.instances as i on i.id = s.instance_id
$$;

select gd_enqueue('M', correlation_key => 'k') \g /dev/null
select is(test.meets_end(:w, $$ select gd_signal('k', 'by_key', dedup_key => 'd') $$, 'commit'), 'waits: no_target',
    'by key: the target has finished, no other instance has taken the key');
select is(test.inbox(), 'empty', 'nothing is stored');
select is_empty('select from gendurable.dedup_keys', 'not even its dedup_key');
select gd_enqueue('M', correlation_key => 'k') \g /dev/null
select is(test.meets_end(:w, $$ select gd_signal($id, 'by_id', dedup_key => 'd') $$, 'commit'), 'waits: no_target',
    'by id: the target has finished');
select is(test.inbox(), 'empty', 'nothing is stored');
select gd_enqueue('M', correlation_key => 'k') \g /dev/null
select is(test.meets_end(:w, $$ select string_agg(result, ',' order by ord) from gd_signal_many(
    '[{"target": "k", "name": "a", "dedup_key": "d"}, {"id": $id, "name": "b", "dedup_key": "d"}, {"target": "nobody", '
    '"name": "c"}]') $$, 'commit'),
    'waits: no_target,no_target,no_target', 'a batch: the target has finished');
select is(test.inbox(), 'empty', 'nothing is stored');

-- The key goes to a new occupant in the same moment.
select gd_enqueue('M', correlation_key => 'k') \g /dev/null
select is(test.meets_end(:w, $$ select gd_signal('k', 'by_key') $$, 'commit', enqueues => true), 'waits: delivered',
    'by key: the new occupant is meant');
select is(test.inbox(), 'by_key of the living', 'and gets the signal');
select is(test.meets_end(:w, $$ select gd_signal($id, 'by_id') $$, 'commit', enqueues => true), 'waits: no_target',
    'by id: the finished one was meant');
select is(test.inbox(), 'empty', 'nothing is stored');
select is(test.meets_end(:w, $$
    select string_agg(result, ',' order by ord)
        from gd_signal_many('[{"id": $id, "name": "a"}, {"target": "k", "name": "b"}]') $$, 'commit', enqueues => true),
    'waits: no_target,delivered', 'a batch: each as it was addressed');
select is(test.inbox(), 'b of the living', 'only the new occupant has a signal');

-- The end is undone.
select is(test.meets_end(:w, $$ select gd_signal('k', 'by_key') $$, 'rollback'), 'waits: delivered',
    'by key: the end is undone');
select is(test.inbox(), 'b of the living, by_key of the living', 'the target has the signal');
select gd_reap(:w) \g /dev/null
select gd_register('w') as w \gset

-- The signal first: the end does not wait, and when it comes nothing stays behind.
select test.claim(:w) as o \gset
select test.exec('a', 'begin');
select is(test.result(test.query('a', $$ select gd_signal('k', 'first', dedup_key => 'd') $$)), 'delivered',
    'a delivery is in flight');
select is(test.results(test.query('b', test.commit(:w, :'o'))), 'busy', 'the end is to be offered again');
select test.exec('a', 'commit');
select is(test.results(test.query('b', test.commit(:w, :'o'))), 'committed', 'and then comes');
select is(test.inbox(), 'empty', 'no signal stays behind');
select is_empty('select from gendurable.dedup_keys', 'nor a dedup_key');

-- A key found by its look-up may have changed hands before the target is locked: in a batch the new occupant may have a
-- smaller id than what the batch holds already. Two batches must not wait for each other then.
select id as k from gd_enqueue('M', correlation_key => 'k') \gset
select test.claim(:w) as o \gset
select nextval('gendurable.instances_id_seq') as early \gset
select id as late from gd_enqueue('M') \gset
select test.exec('a', 'begin');
select test.query('a', test.commit(:w, :'o'));
select test.send('b', format($$
    select string_agg(result, ',' order by ord)
        from gd_signal_many('[{"target": "k", "name": "x"}, {"id": %s, "name": "x"}]') $$, :late));
select ok(test.is_blocked('b'), 'a batch waits for the end of the first of its targets');
-- The newcomer drew its id before the other target did, as one does that has waited for the key.
select test.exec('a', format($$ insert into gendurable.correlation_keys values ('k', %s) $$, :early));
select test.exec('a', format($$
    insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, priority, phase, step, state,
        fsm_version, fsm, queue,
    correlation_key) values (%s, now(), now(), now(), 0, 'ready', 'start', '{}', 1, 'M', 'default', 'k') $$, :early));
select test.exec('c', 'begin');
select test.query('c', format('select id from gendurable.instances where id = %s for no key update', :late));
select test.exec('a', 'commit');
select ok(test.is_blocked('b'), 'then it waits for the other one, held by a second batch');
select test.exec('a', 'begin');
select test.query('a', format('select id from gendurable.instances where id = %s for no key update', :early));
select test.exec('c', 'rollback');
select ok(test.is_blocked('b'), 'then for the new occupant of the key, held by a third');
select test.send('a', format('select id from gendurable.instances where id = %s for no key update', :late));
select ok(not test.is_blocked('a'), 'with nothing in hand');
select test.answer('a');
select test.exec('a', 'commit');
select is(test.result(test.answer('b')), 'delivered,delivered', 'both are delivered');
select is(test.inbox(), 'x of the living, x of the living', 'to the living');

-- The same, with the second batch between the first one's two targets: the gate stops the first one when it holds the
-- other target.
delete from gendurable.instances; delete from gendurable.correlation_keys; delete from gendurable.signals;
select gd_enqueue('M', correlation_key => 'k') \g /dev/null
select test.claim(:w) as o \gset
select nextval('gendurable.instances_id_seq') as early \gset
select id as late from gd_enqueue('M') \gset
create trigger gate before insert on gendurable.signals for each row execute function test.gate('b');
select test.exec('a', 'begin');
select test.query('a', test.commit(:w, :'o'));
select pg_advisory_lock(1) \g /dev/null
select test.send('b', format($$
    select string_agg(result, ',' order by ord)
        from gd_signal_many('[{"id": %s, "name": "x"}, {"target": "k", "name": "x"}]') $$, :late));
select ok(test.is_blocked('b'), 'a batch waits for the end of one of its targets');
select test.exec('a', format($$ insert into gendurable.correlation_keys values ('k', %s) $$, :early));
select test.exec('a', format($$
    insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, priority, phase, step, state,
        fsm_version, fsm, queue,
    correlation_key) values (%s, now(), now(), now(), 0, 'ready', 'start', '{}', 1, 'M', 'default', 'k') $$, :early));
select test.exec('a', 'commit');
-- The first batch has let go and locked both in order when it stands at the gate; only then does the second one start.
do $$
begin
    for n in 1 .. 5000 loop
        perform pg_stat_clear_snapshot();
        exit when exists (select from pg_locks as l join pg_stat_activity as s on s.pid = l.pid
                          where s.datname = current_database() and s.application_name = 'b' and l.locktype = 'advisory'
                              and not l.granted);
        perform pg_sleep(0.002);  -- the pace of looking
    end loop;
end
$$;
select test.send('c', format($$
    select string_agg(result, ',' order by ord)
        from gd_signal_many('[{"id": %s, "name": "y"}, {"id": %s, "name": "y"}]') $$, :early, :late));
select ok(test.is_blocked('c'), 'a second batch holds the new occupant and waits for the first one');
select pg_advisory_unlock(1) \g /dev/null
select lives_ok($$ create temp table b as select test.answer('b') as answer $$, 'the first batch succeeds');
select lives_ok($$ create temp table c as select test.answer('c') as answer $$, 'and so does the second');
drop trigger gate on gendurable.signals;

-- Several rounds: the new occupant has finished as well when the signal looks at it.
delete from gendurable.instances; delete from gendurable.correlation_keys; delete from gendurable.signals;
select gd_enqueue('M', correlation_key => 'k') \g /dev/null
select test.claim(:w) as o \gset
select test.exec('a', 'begin');
select test.query('a', test.commit(:w, :'o'));
select test.query('a', $$ select * from gd_enqueue('M', correlation_key => 'k') $$);
select test.send('b', $$ select gd_signal('k', 'again') $$);
select ok(test.is_blocked('b'), 'a signal waits for the first end');
select test.query('a', format($$ select fence from gd_pick(%s, 'default', 1) $$, :w)) -> 0 ->> 'fence' as f \gset
select test.query('a', test.commit(:w,
    test.outcome((select max(last_value) from gendurable.instances_id_seq), :f, 'done')));
select test.exec('a', 'commit');
select is(test.result(test.answer('b')), 'no_target', 'the second occupant has finished in the same transaction');
select is(test.inbox(), 'empty', 'nothing is stored for either');
-- The end and the revival in one transaction: the target was live before it, and is after it.
delete from gendurable.instances; delete from gendurable.correlation_keys; delete from gendurable.signals;
create function test.meets_restart(worker bigint, query text) returns text
language plpgsql as $$
declare
    v_id    bigint := (select i.id from gendurable.instances as i);
    v_waits boolean;
begin
    perform test.exec('a', 'begin');
    perform test.query('a', format('select gd_cancel(%s::bigint)', v_id));
    perform test.query('a', format('select gd_retry(%s)', v_id));
    perform test.send('b', replace(query, '$id', v_id::text));
    v_waits := test.is_blocked('b');
    perform test.exec('a', 'commit');
    return format('%s %s', case when v_waits then 'waits:' else 'at once:' end, test.result(test.answer('b')));
end
$$;
select gd_enqueue('M', correlation_key => 'k') \g /dev/null
select is(test.meets_restart(:w, $$ select gd_signal('k', 'by_key') $$), 'waits: delivered',
    'by key: the target is started over');
select is(test.meets_restart(:w, $$ select gd_signal($id::bigint, 'by_id') $$), 'waits: delivered', 'by id');
select is(test.meets_restart(:w, $$ select result from gd_signal_many('[{"target": "k", "name": "batch"}]') $$),
    'waits: delivered', 'in a batch, by key');
select is(test.meets_restart(:w, $$ select result from gd_signal_many('[{"id": $id, "name": "batch"}]') $$),
    'waits: delivered', 'in a batch, by id');
select is(test.meets_restart(:w, $$ select gd_cancel('k') $$), 'waits: 1', 'a cancel ends it');
select is(gd_retry(max(f.id)), 'retried', 'started once more') from gendurable.finished as f;
select is(test.inbox(), 'empty', 'what was in the inbox of the life before is gone');
select * from finish();
