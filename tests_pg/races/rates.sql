-- Rate limits: tokens are drawn once, in strict order, and no instance waits for tokens that are
-- there.
--
-- Race:      Two picks × the first grant of a key (1–12)
-- Sessions:  There is no bucket yet. A: pick open, or stopped between drawing and claiming, or
--            undone; B: pick.
-- Guard:     A try-lock on the name.
-- Mutations: No name lock → 2 waits (for the other pick's bucket).
--
-- Race:      Sweep of a bucket × pick (13–21)
-- Sessions:  A: pick that draws open, B: sweep. A: sweep open, B: pick.
-- Guard:     The name lock; the sweep looks again after it.
-- Mutations: The sweep takes no lock → 14 waits; it does not look again → 15, 17, 18, 20.
--
-- Race:      The head of a line held by a client (22–25)
-- Sessions:  A: signal to the head open, B: picks.
-- Guard:     No instance overtakes one whose row could not be locked; the doorbell stays, in its
--            place.
-- Mutations: Overtaking is allowed → 23, 24 (instances move to and fro); the doorbell is deleted
--            and put back, and the bucket is written each time → 23.
--
-- Race:      A rate limit that is set × newcomer × pick, the answer undone (26–35)
-- Sessions:  A: set open; newcomer; B: pick; A commits. C: enqueue open; A: pick that answers,
--            undone; B: picks.
-- Guard:     The name's doorbell is answered under its lock, in the transaction that offers. A
--            newcomer that it does not see rings itself.
-- Mutations: The setter does not ring → 29, 33, isolation.sql 17.
\ir prelude.psql
select plan(35);
select test.open('a', 'b', 'c');
select gd_register('w', array['p', 'q']) as w, gd_register('v', array['p', 'q']) as v \gset
create function test.tokens(key text) returns numeric
language sql as $$ select round(b.tokens::numeric, 1) from gendurable.buckets as b where b.key = tokens.key $$;

-- Two picks × the first grant of a key: there is no bucket yet whose row could be locked.
select gd_set_rate_limit('r', 2, '1 day', 2) \g /dev/null
select gd_enqueue('M' || n, queue => 'p', rate_limit => 'r') from generate_series(1, 4) as n \g /dev/null
update gendurable.instances set phase = 'ready';   -- more offers than tokens
delete from gendurable.doorbells where kind = 'tokens';
select test.exec('a', 'begin');
select is(test.names(test.query('a', test.pick(:w, 'p', 2))), 'M1 M2', 'a pick draws the first tokens of a key');
select test.send('b', test.pick(:v, 'p', 2));
select ok(not test.is_blocked('b'), 'another one does not wait for it');
select is(test.names(test.answer('b')), 'nothing', 'and draws none');
select test.exec('a', 'commit');
select is(test.names(test.query('b', test.pick(:v, 'p', 2))), 'nothing', 'nor later, because there are none');
select is(test.tokens('r'), 0.0, 'the bucket is empty, not overdrawn');
select is(test.phases(), 'M1 executing, M2 executing, M3 throttled, M4 throttled', 'the others wait for tokens');
-- The first one is undone: the tokens are there.
delete from gendurable.instances;
delete from gendurable.buckets;
select gd_enqueue('M' || n, queue => 'p', rate_limit => 'r') from generate_series(1, 2) as n \g /dev/null
select test.exec('a', 'begin');
select is(test.names(test.query('a', test.pick(:w, 'p', 2))), 'M1 M2', 'a pick draws the first tokens of a key');
select test.exec('a', 'rollback');
select is(test.names(test.query('b', test.pick(:v, 'p', 2))), 'M1 M2', 'one that is undone has drawn nothing');
delete from gendurable.instances;

-- The first grant held at a gate after it drew and before it claims.
delete from gendurable.buckets;
select gd_enqueue('P', queue => 'p', rate_limit => 'r', weight => 2),
    gd_enqueue('Q', queue => 'q', rate_limit => 'r', weight => 2) \g /dev/null
update gendurable.instances set phase = 'ready';
delete from gendurable.doorbells where kind = 'tokens';
create trigger gate before update on gendurable.instances
    for each row when (new.phase = 'executing') execute function test.gate('a');
select pg_advisory_lock(1) \g /dev/null
select test.send('a', test.pick(:w, 'p'));
select ok(test.is_blocked('a'), 'a pick has drawn the tokens and not claimed yet');
select test.send('b', test.pick(:v, 'q'));
select ok(not test.is_blocked('b'), 'one of another queue does not wait for it');
select is(test.names(test.answer('b')), 'nothing', 'and is granted nothing');
select pg_advisory_unlock(1) \g /dev/null
select is(test.names(test.answer('a')), 'P', 'the first one claims');
drop trigger gate on gendurable.instances;
delete from gendurable.instances;

-- Sweep of a bucket × pick: the bucket is full again, a pick draws from it, the sweep comes by.
select gd_set_rate_limit('s', 2, '1 day', 2) \g /dev/null
insert into gendurable.buckets (key, tokens, refilled_at) values ('s', 0, now() - interval '2 days');
select gd_enqueue('M1', queue => 'p', rate_limit => 's', weight => 2) \g /dev/null
select test.exec('a', 'begin');
select is(test.names(test.query('a', test.pick(:w, 'p'))), 'M1', 'a pick draws from a bucket that is full again');
select test.send('b', 'select gendurable._sweep_buckets() as swept');
select ok(not test.is_blocked('b'), 'a sweep does not wait for it');
select is(test.result(test.answer('b')), '0', 'and leaves the bucket alone');
select test.exec('a', 'commit');
select is(test.tokens('s'), 0.0, 'which has been drawn from');
select gendurable._sweep_buckets() \g /dev/null
select is(test.tokens('s'), 0.0, 'and is not swept now');
-- The sweep first: the pick does not wait, and draws from the full bucket later.
update gendurable.buckets set refilled_at = now() - interval '2 days', full_at = now() where key = 's';
select gd_enqueue('M2', queue => 'p', rate_limit => 's', weight => 2) \g /dev/null
select test.exec('a', 'begin');
select is(test.result(test.query('a', 'select gendurable._sweep_buckets() as swept')), '1', 'a sweep is in flight');
select test.send('b', test.pick(:v, 'p'));
select ok(not test.is_blocked('b'), 'a pick does not wait for it');
select test.answer('b');
select test.exec('a', 'commit');
select is(test.names(test.query('b', test.pick(:v, 'p'))), 'M2', 'and finds the bucket full');
select is(test.tokens('s'), 0.0, 'once');
delete from gendurable.instances;

-- A row that waits for tokens and is locked by a client's open transaction: no session waits for it, no instance
-- overtakes it, and nothing spins.
select gd_set_rate_limit('t', 0, '1 day', 2) \g /dev/null
select gd_enqueue('H', queue => 'p', rate_limit => 't'), gd_enqueue('N', queue => 'p', rate_limit => 't') \g /dev/null
select test.exec('a', 'begin');
select test.query('a', $$ select gd_signal(i.id, 'x') from gendurable.instances as i where i.fsm = 'H' $$);
select test.send('b', test.pick(:v, 'p', 2));
select ok(not test.is_blocked('b'), 'a refill does not wait for a client that holds the head of the line');
select test.answer('b');
select test.query('b', test.pick(:v, 'p', 2));
select i.ctid as place from gendurable.instances as i where i.fsm = 'N' \gset
select concat_ws(' ', (select max(r.ctid::text) from gendurable.doorbells as r where r.kind = 'tokens'),
    (select b.ctid from gendurable.buckets as b where b.key = 't')) as noted \gset
select test.query('b', test.pick(:v, 'p', 2));
select test.query('b', test.pick(:v, 'p', 2));
select is(concat_ws(' ', (select max(r.ctid::text) from gendurable.doorbells as r where r.kind = 'tokens'),
    (select b.ctid from gendurable.buckets as b where b.key = 't')), :'noted',
    'what is to be looked at again stays where it is, however often');
select is((select i.ctid::text || ' ' || i.phase from gendurable.instances as i where i.fsm = 'N'),
    :'place' || ' throttled', 'nor moves the next one to and fro');
select test.exec('a', 'commit');
select is(test.names(test.query('b', test.pick(:v, 'p', 2))), 'H N', 'then both start');
delete from gendurable.instances;
delete from gendurable.doorbells;

-- A limit is set × those that wait, found by the pick that answers the doorbell of the name.
-- The name is u: no limit, so all of its keys stall.
set client_min_messages = error;
create function test.rings() returns text
language sql as $$ select coalesce(string_agg(d.kind || ' ' || d.key, ', ' order by d.kind, d.key), 'none')
    from gendurable.doorbells as d $$;
select gd_enqueue('U1', queue => 'p', rate_limit => 'u:1') \g /dev/null
select is(test.names(test.query('b', test.pick(:v, 'p', 9))) || ', ' || test.rings(), 'nothing, none',
    'an instance of an unknown name waits without a doorbell: a look has used it up');
-- The change is open, and a newcomer comes.
select test.exec('a', 'begin');
select test.query('a', $$ select gd_set_rate_limit('u', 9, '1 day', 9) $$);
select gd_enqueue('U2', queue => 'q', rate_limit => 'u:2') \g /dev/null
select test.send('b', test.pick(:v, 'p', 9));
select ok(not test.is_blocked('b'), 'a pick does not wait for a limit that is being set');
select is(test.names(test.answer('b')), 'nothing', 'and does not know of it');
select test.exec('a', 'commit');
-- Another newcomer is open when the doorbell of the name is answered; and the first answer is undone.
select test.exec('c', 'begin');
select test.query('c', $$ select gd_enqueue('U3', queue => 'p', rate_limit => 'u:3') $$);
select test.exec('a', 'begin');
select is(test.names(test.query('a', test.pick(:w, 'p', 9))), 'U1',
    'the pick that answers finds one that waited before');
select test.send('b', test.pick(:v, 'q', 9));
select ok(not test.is_blocked('b'), 'a pick does not wait for one that answers the name');
select is(test.names(test.answer('b')), 'nothing', 'nor answers it');
select test.exec('a', 'rollback');
select is(test.names(test.query('b', test.pick(:v, 'q', 9))), 'U2',
    'an answer that is undone is made again, and finds one that came while the limit was being set');
select is(test.names(test.query('a', test.pick(:w, 'p', 9))), 'U1', 'the same answer offers tokens in every queue');
select is(test.rings(), 'none', 'then the doorbells are used up');
select test.exec('c', 'commit');
select is(test.names(test.query('b', test.pick(:v, 'p', 9))), 'U3',
    'one that could not be seen yet has its own doorbell');
select * from finish();
