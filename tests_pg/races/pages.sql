-- Large inboxes and states: delivery × pick, pages × delivery, pick × pick.
--
-- Race:      Delivery × pick of a large inbox; pages × delivery; pick × pick of large states
-- Sessions:  A: a pick that lists what it leaves out, or that leaves instances behind, open; B:
--            signal, page, pick.
-- Guard:     The row lock, which the pick takes before it reads the inbox. Pages go by id, and a
--            delivery waits for its target, so a page misses later ids only. What a pick leaves
--            behind is announced.
-- Mutations: What a pick leaves behind is not announced → 9.
\ir prelude.psql
select plan(15);
select test.open('a', 'b', 'listener');
select gd_register('w') as w \gset
select gd_register('v') as v \gset

-- Deliver x pick: the pick lists what had arrived; the delivery waits for it, and is for a later step.
select id as i from gd_enqueue('M') \gset
select gd_signal(:i, 'n', to_jsonb(repeat('x', 28000000))) from generate_series(1, 3) \g /dev/null
select test.exec('a', 'begin');
select is(test.query('a',
    format($$ select jsonb_array_length(signals) as n, signals @> '[{"omitted": true}]' as omitted
        from gd_pick(%s, 'default', 1) $$, :w)),
    '[{"n": 3, "omitted": true}]', 'a pick lists three signals, one of them without its payload');
select test.send('b', format($$ select gd_signal(%s, 'late') $$, :i));
select ok(test.is_blocked('b'), 'a delivery waits for it');
select test.exec('a', 'commit');
select is(test.result(test.answer('b')), 'delivered', 'and is delivered');
select is((select string_agg(s.name, ' ') from gd_signals(:i) as s), 'n n n late',
    'pages show it behind those that were listed');

-- Pages x deliver: pages that are read while the inbox grows have everything once.
create temp table page as select s.signal_id, s.name from gd_signals(:i, 0, 2) as s;
select test.query('b', format($$ select gd_signal(%s, 'later') $$, :i)) \g /dev/null
select test.exec('a', 'begin');
select test.query('a', format($$ select gd_signal(%s, 'in flight') $$, :i)) \g /dev/null
insert into page select s.signal_id, s.name from gd_signals(:i, (select max(p.signal_id) from page as p), 3) as s;
select is((select string_agg(p.name, ' ' order by p.signal_id) from page as p), 'n n n late later',
    'a page waits for no delivery in flight, and skips none that was listed');
select test.exec('a', 'commit');
insert into page select s.signal_id, s.name from gd_signals(:i, (select max(p.signal_id) from page as p), 3) as s;
select is((select string_agg(p.name, ' ' order by p.signal_id) from page as p), 'n n n late later in flight',
    'the next one has what was committed since');
select gd_unregister(:w), gd_cancel(:i) \g /dev/null

-- Pick x pick: what a pick leaves behind it holds until it commits; then the workers that came for it in vain are
-- called.
select gd_register('w') as w \gset
select test.exec('listener', 'listen gendurable');
select e.id from generate_series(1, 3) as n,
    lateral gd_enqueue('L' || n, to_jsonb(repeat('x', 40000000))) as e \g /dev/null
select test.exec('a', 'begin');
select is(test.names(test.query('a', test.pick(:w, slots => 3))), 'L1', 'one fits');
select is(test.names(test.query('b', test.pick(:v, slots => 3))), 'nothing', 'another pick does not wait for the rest');
select test.exec('a', 'commit');
select test.query('listener', 'select 1');
select isnt_empty($$ select from dblink_get_notify('listener') where extra = 'default' $$,
    'it is called when there is something');
select is(test.names(test.query('b', test.pick(:v, slots => 3))), 'L2', 'and takes its part');
select is(test.names(test.query('a', test.pick(:w, slots => 3))), 'L3', 'nothing is lost');

-- Pick of what is too large x a client's transaction that holds its parent: it stays as it was, until the parent is
-- free.
select gd_enqueue('P', queue => 'p'), gd_enqueue('Other', queue => 'c') \g /dev/null
select id as p, fence as f from gd_pick(:w, 'p', 1) \gset
select test.query('a', test.commit(:w,
    test.outcome(:p, :f, 'schedule_children', '{"children": [{"fsm": "C", "queue": "c", "priority": -1}]}')))
    \g /dev/null
update gendurable.instances set signalled = true where fsm = 'C';
insert into gendurable.signals (inbox, instance_id, sent_at, name, payload) select gendurable._inbox_key(i.id, 0), i.id,
    now(), repeat('n', 1000), '1' from gendurable.instances as i, generate_series(1, 60000) where i.fsm = 'C';
select test.exec('a', 'begin');
select test.query('a', format($$ select gd_signal(%s, 'x') $$, :p)) \g /dev/null
select is(test.names(test.query('b', test.pick(:v, 'c', 9))), 'Other',
    'a pick waits for no parent, and takes what is behind');
select is((select i.phase::text || ' ' || i.attempt from gendurable.instances as i where i.fsm = 'C'), 'ready 0',
    'what is too large stays');
select test.exec('a', 'commit');
select is(test.names(test.query('b', test.pick(:v, 'c', 9))), 'nothing', 'the next one hands it out as little');
select is((select i.status || ' ' || i.error from gd_instances as i where i.fsm = 'C'), 'failed {"kind": "too_large"}',
    'but ends it');

select * from finish();
