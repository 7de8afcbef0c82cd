-- Concurrency keys: at most K at once, all free slots used, no other key held up.
begin;
\ir ../prelude.psql
select plan(60);
select gd_register('second', '{q,a,b}') as second \gset

-- K = 1 where nothing is configured.
select pg_temp.put('k1', '{"concurrency_key": "k"}'), pg_temp.put('k2', '{"concurrency_key": "k"}'),
    pg_temp.put('other', '{"concurrency_key": "k:1"}'), pg_temp.put('plain') \g /dev/null
select is(pg_temp.phase('k1') || ' ' || pg_temp.phase('k2') || ' ' || pg_temp.phase('plain'), 'ready held ready',
    'no more of a key are born ready than slots are free');
select is(pg_temp.pick(10), 'k1 other plain', 'one of each key; a partition is a key of its own');
select is(pg_temp.phase('k2'), 'held', 'the next one waits');
select is(pg_temp.pick(10), '-', 'as long as the slot is used');
select is(pg_temp.pick(10, 'q', :second), '-', 'cluster-wide');
select is(pg_temp.commit('k1', 'retry', '{"delay_ms": 3600000}') || ' ' || pg_temp.pick(10), 'committed k2',
    'a retry that has to wait gives its slot up');
select is(pg_temp.commit('k2', 'done'), 'committed', 'done');
update gendurable.instances set eligible_at = now() where fsm = 'k1';
select is(pg_temp.pick(10), 'k1', 'it is handed a slot when it is due');
select is(pg_temp.commit('k1', 'retry') || ' ' || pg_temp.pick(10), 'committed k1', 'so is a retry at once');
select is(pg_temp.commit('k1', 'stop') || ' ' || pg_temp.commit('other', 'done') || ' ' || pg_temp.commit('plain',
    'done'), 'committed committed committed', 'the end');
select is((select count(*)::int from gendurable.instances), 0, 'nothing is left');

-- A configured K; a limit of zero.
select gd_set_concurrency_limit('c', 3) \g /dev/null
select count(pg_temp.put('c' || n, jsonb_build_object('concurrency_key', 'c:' || n % 2)))
    from generate_series(1, 10) as n \g /dev/null
select is(pg_temp.pick(100), 'c1 c2 c3 c4 c5 c6', 'K of each key');
select is(pg_temp.pick(100), '-', 'and no more');
select is(pg_temp.commit_all('{c1,c3,c2}', 'done') || ' ' || pg_temp.pick(100),
    'committed committed committed c7 c8 c9', 'as many as slots were freed, of each key');
select gd_set_concurrency_limit('c', 1) \g /dev/null
select is(pg_temp.commit_all('{c4,c5,c6,c7,c8}', 'done') || ' ' || pg_temp.pick(100),
    'committed committed committed committed committed c10',
    'what executes counts whatever the limit was when it started: c9 keeps its key, the other one is free');
select is(pg_temp.commit_all('{c9,c10}', 'done'), 'committed committed', 'the end');
select pg_temp.put('z', '{"concurrency_key": "zero:1"}') \g /dev/null
select gd_set_concurrency_limit('zero', 0) \g /dev/null
select is(pg_temp.pick(100), '-', 'a limit of zero stops every key of the name');
select gd_set_concurrency_limit('zero', 1) \g /dev/null
select is(pg_temp.pick(100), 'z', 'until it is raised');
select gd_set_concurrency_limit('zero', 0) \g /dev/null
select is(pg_temp.commit('z', 'next', '{"step": "n", "continue": true}'), 'committed',
    'a limit of zero ends running ahead');
select is(pg_temp.pick(100), '-', 'the next step does not start');
select gd_set_concurrency_limit('zero', 5) \g /dev/null
select is(pg_temp.pick(100), 'z', 'until it is raised again');
select is(pg_temp.commit('z', 'await', '{"names": ["x"]}') || ' ' || pg_temp.pick(9) || ' '
    || gd_signal(pg_temp.id('z'), 'x') || ' ' || pg_temp.pick(9), 'committed - delivered z',
    'woken by a signal it is handed a slot that no other instance wants');
select gd_set_concurrency_limit('zero', 0) \g /dev/null
select is(pg_temp.commit('z', 'next', '{"step": "n", "continue": true, "concurrency_key": null}') || ' '
    || pg_temp.commit('z', 'done'), 'continued committed', 'one that gives the stopped key up may run ahead');

-- What next says about the key.
select count(pg_temp.put('n' || n, '{"concurrency_key": "n"}')) from generate_series(1, 3) as n \g /dev/null
select is(pg_temp.pick(1), 'n1', 'one');
select is(pg_temp.commit('n1', 'next', '{"step": "two", "continue": true}'), 'continued',
    'running ahead keeps the slot');
select is(pg_temp.pick(9), '-', 'so no other instance has it');
select is(pg_temp.commit('n1', 'next', '{"step": "two", "continue": true, "concurrency_key": "n"}'), 'continued',
    'naming the key one has changes nothing');
select is(pg_temp.commit('n1', 'next', '{"step": "three", "continue": true, "concurrency_key": null}'), 'continued',
    'null releases the key, and the step runs ahead');
select is((select concurrency_key from pg_temp.row('n1')), null, 'it has no key any more');
select is(pg_temp.pick(9), 'n2', 'its slot is free');
select is(pg_temp.commit('n1', 'next', '{"step": "four", "continue": true, "concurrency_key": "n"}'), 'committed',
    'a new key has to be admitted: no running ahead');
select is(pg_temp.pick(9), '-', 'it waits for the slot');
select is(pg_temp.commit('n2', 'next', '{"step": "two", "concurrency_key": "m"}') || ' ' || pg_temp.pick(9),
    'committed n1 n2', 'a switch of key frees the old one for the next in line, and takes the new one');
select is((select concurrency_key from pg_temp.row('n2')), 'm', 'the new key');
select is(pg_temp.commit('n1', 'next', '{"step": "five"}') || ' ' || pg_temp.phase('n1') || ' '
    || (select concurrency_key from pg_temp.row('n1')), 'committed held n', 'next without a word keeps the key');
select is(pg_temp.commit('n2', 'next', '{"step": "x", "concurrency_key": null}') || ' ' || pg_temp.phase('n2'),
    'committed ready', 'without a key one is simply ready');
select pg_temp.pick(9) \g /dev/null
select is(pg_temp.commit('n2', 'done'), 'committed', 'the end of one');
update gendurable.instances set phase = 'executing', worker_id = :me where fsm like 'n_';
delete from gendurable.instances; delete from gendurable.doorbells where kind <> 'tokens';

-- What is parked holds no slot.
select count(pg_temp.put('s' || n, '{"concurrency_key": "s"}')) from generate_series(1, 2) as n \g /dev/null
select is(pg_temp.pick(9), 's1', 'one executes');
select is(pg_temp.commit('s1', 'await', '{"names": ["x"]}') || ' ' || pg_temp.pick(9), 'committed s2',
    'parked it holds no slot');
select is(gd_signal(pg_temp.id('s1'), 'x') || ' ' || pg_temp.phase('s1') || ' ' || pg_temp.pick(9), 'delivered held -',
    'woken it waits for one');
select is(pg_temp.commit('s2', 'await', '{"names": ["y"], "timeout_ms": 1}') || ' ' || pg_temp.pick(9), 'committed s1',
    'and is handed it');
update gendurable.instances set eligible_at = now() where fsm = 's2';
select is(pg_temp.pick(9) || ' ' || pg_temp.phase('s2'), '- held', 'a park past its deadline waits for one, too');
select is(gd_release(:me, array[pg_temp.id('s1')]) || ' ' || pg_temp.pick(9), '1 s1',
    'a claim that is given back gives its slot to the first in line');
select is(gd_cancel(pg_temp.id('s1')) || ' ' || pg_temp.pick(9), '1 s2', 'so does one that is cancelled');
update gendurable.workers set lease = '0' where id = :me;
update gendurable.leases set lease_until = now() - interval '1 s' where worker_id = :me;
select pg_temp.put('s3', '{"concurrency_key": "s", "priority": -1}') \g /dev/null
select is(gd_reap() || ' ' || pg_temp.pick(9, 'q', :second), '1 s3', 'and one whose worker is dead');
select is(pg_temp.commit('s3', 'await', '{"names": ["z"]}') || ' ' || pg_temp.pick(9, 'q', :second), 'committed s2',
    'the next one');
select gd_signal(pg_temp.id('s3'), 'z') \g /dev/null
select is(pg_temp.commit('s2', 'done') || ' ' || pg_temp.pick(9, 'q', :second), 'committed s3', 'and so on');
select is((select jsonb_array_length(awaited) from claim where fsm = 's3'), 1,
    'woken through a key the step is handed what woke it');
delete from gendurable.instances; delete from gendurable.doorbells where kind <> 'tokens';

-- A backlog of one key.
insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm,
    queue, concurrency_key)
select now(), now() - interval '1 day', now(), 'held', 's', '{}', -10, 1, 'crowd', 'q',
    'crowd' from generate_series(1, 10000) as n;
insert into gendurable.doorbells (kind, key) select 'slot', 'crowd' from generate_series(1, 10000);
select gd_register('me again', '{q}') as again \gset
select count(pg_temp.put('x' || n,
    jsonb_build_object('priority', n, 'concurrency_key', case when n % 2 = 0 then 'x' || n end)))
    from generate_series(1, 6) as n \g /dev/null
select is(pg_temp.pick(4, 'q', :again), 'crowd x1 x2 x3',
    'ten thousand of a saturated key change nothing of what the first pick returns beside them');
update gendurable.doorbells set rung_by = '3';    -- as if others had
select is(pg_temp.pick(4, 'q', :again), 'x4 x5 x6', 'nor the next one');
select results_eq($$ select phase::text, count(*) from gendurable.instances where fsm = 'crowd' group by phase
    order by 1 $$, $$ values ('executing', 1::bigint), ('held', 9999) $$, 'one of them executes');
select is((select count(*)::int from gendurable.doorbells where kind = 'slot' and key = 'crowd'), 0,
    'a key is looked at once, however often it was rung');
-- Offers that come too late: the ready ones of a saturated key make room for others within the same pick.
update gendurable.instances set phase = 'ready'
    where fsm = 'crowd' and id in (select id from gendurable.instances where fsm = 'crowd' and phase = 'held'
        order by id limit 3);
select pg_temp.put('y1'), pg_temp.put('y2') \g /dev/null
select is(pg_temp.pick(2, 'q', :again), 'y1 y2', 'what cannot be admitted takes no place from what can');
select is((select count(*)::int from gendurable.instances where fsm = 'crowd' and phase = 'ready'), 0,
    'and is out of the ready set again');

-- _admit_slots itself.
select is((gendurable._admit_slots('{}')).ids, '{}', 'nothing to admit');
delete from gendurable.instances;
insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue, concurrency_key)
values (101, now(), now(), now(), 'ready', 's', '{}', 5, 1, 'm', 'q', 'c'),
    (102, now(), now(), now(), 'ready', 's', '{}', 1, 1, 'm', 'q', 'c'),
    (103, now(), now(), now(), 'ready', 's', '{}', 0, 1, 'm', 'q', null),
       (104, now(), now(), now(), 'executing', 's', '{}', 0, 1, 'm', 'q', 'd'),
       (105, now(), now(), now(), 'ready', 's', '{}', 0, 1, 'm', 'q', 'd');
select is(array(select unnest((gendurable._admit_slots('{101,102,103,105}')).ids) order by 1), '{102,103}',
    'of one key the most urgent, what has no key always, of a saturated key none');
select results_eq($$ select id, phase::text from gendurable.instances order by id $$, $$
    values (101::bigint, 'held'), (102, 'ready'), (103, 'ready'), (104, 'executing'), (105, 'held') $$,
    'the others are held');
select test.connect('other'), test.exec('other', 'begin') \g /dev/null
-- A key whose lock another session has: neither claimed nor held, until it is free. (This transaction keeps what it has
-- locked, so a name of its own.)
select (select n from generate_series(1, 1000) as n
    where not gendurable._lock_name('slot', 'free') is null
    and hashtext('busy' || n) & 63 not in (select hashtext(x) & 63
        from unnest('{k,c,zero,n,m,s,crowd,x2,x4,x6,d,free}'::text[]) as x) limit 1) as n \gset
select test.query('other', format('select gendurable._lock_name(''slot'', %L)', 'busy' || :n)) \g /dev/null
delete from gendurable.instances where id <> 101;
update gendurable.instances set phase = 'ready', concurrency_key = 'busy' || :n where id = 101;
select is(pg_temp.pick(9, 'q', :second), '-', 'a key about which another session decides is left alone');
select is((select phase::text from gendurable.instances where id = 101), 'ready',
    'its instance stays ready for the next pick');
select test.exec('other', 'rollback') \g /dev/null
select is(pg_temp.pick(9, 'q', :second), 'm', 'which admits it');

select * from finish();
rollback;
