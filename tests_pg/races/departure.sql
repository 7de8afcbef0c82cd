-- A virtual partition leaves for another database × whatever is about it.
--
-- Race:      Routed call × departure (1–6)
-- Sessions:  A: gd_here has found the partition here, and A signals later; B: departure; C: a call.
-- Guard:     gd_here shares the partition's lock before it looks; the departure takes it alone after
--            it has noted that the partition is not here. A call does not wait for it.
-- Mutations: The departure takes no lock → 1, 4, 5; gd_here does not look → 6; it waits → 2.
--
-- Race:      Enqueue × departure (7–10)
-- Sessions:  A: an id of the partition is chosen, the instance is not there yet; B: departure, several times.
-- Guard:     The transaction has its number before it looks what is here, and the departure is over
--            when no number is open that is smaller than that of its second call.
-- Mutations: `_new_id` takes no number first → 9.
--
-- Race:      Two partitions of one database leave (11–12)
-- Sessions:  A: departure of 5, open; B: departure of 6.
-- Guard:     One lock for the number that has all partitions as bits.
-- Mutations: No lock → 11.
\ir prelude.psql
select plan(12);
select test.open('a', 'b', 'c');
select gendurable._set_partitions('{5,6,7}');
create function test.key(partition int) returns text
language sql as $$
    select min('k' || n) from generate_series(1, 2000) as n where gendurable._partition('k' || n) = key.partition
$$;
select test.key(5) as five \gset
select gd_enqueue('M', correlation_key => :'five') \g /dev/null
select gendurable._begin_departure(p, 'there') from unnest('{5,6}'::int[]) as p \g /dev/null

-- A call that has found the partition here.
select test.exec('a', 'begin');
select test.query('a', 'select gd_here(5)');
select test.send('b', 'select departed from gendurable._depart(5)');
select ok(test.is_blocked('b'), 'a departure waits for a routed call that has found the partition here');
select test.send('c', 'select gd_here(5)');
select ok(not test.is_blocked('c'), 'a later call does not wait behind it');
select throws_ok($$ select test.answer('c') $$, 'GD030', null, 'it is refused');
select is(test.result(test.query('a', format('select gd_signal(%L, ''hello'')', :'five'))), 'delivered',
    'the first one finds the instance');
select test.exec('a', 'commit');
select test.answer('b');
select is((select count(*) from gendurable.moved as m where m.relation = 'signals'), 1::bigint,
    'what it has written leaves with the rest');
select throws_ok('select gd_here(5)', 'GD030', null, 'and no call about it is answered here');
delete from gendurable.moved;
select gendurable._end_departure(5), gendurable._hold_partition(5) \g /dev/null
select gendurable._begin_departure(5, 'there') \g /dev/null

-- An enqueue that has chosen the partition. (The sequence writes its log now and then only, and
-- would give the transaction a number by itself then: so it has just done that.)
select nextval('gendurable.instances_id_seq') \g /dev/null
select test.exec('a', 'begin');
select is((test.result(test.query('a', format('select gendurable._new_id(%L, null, null)', :'five')))::bigint & 63),
    5::bigint,
    'an id of the partition');
select departed from gendurable._depart(5) \g /dev/null
create temp table second as select * from gendurable._depart(5);
select is((select departed from second), 0::bigint, 'what it is about is not there yet');
create function test.is_over() returns boolean
language sql as $$ select d.departed = 0 and d.oldest >= s.xid from second as s cross
    join lateral gendurable._depart(5) as d $$;
select ok(not test.is_over(), 'the departure is not over while the transaction is open that has chosen it');
select test.exec('a', 'commit');
do $$
begin
    -- Transactions of other tests are open as well.
    while not test.is_over() loop
        commit;
    end loop;
end
$$;
select ok(test.is_over(), 'then it is');
select gendurable._hold_partition(5) \g /dev/null

-- Two at once.
select test.exec('a', 'begin');
select test.query('a', 'select departed from gendurable._depart(5)');
select test.send('b', 'select departed from gendurable._depart(6)');
select ok(test.is_blocked('b'), 'the second one waits for the first');
select test.exec('a', 'commit');
select test.answer('b');
select is(gendurable._own_partitions(), '{7}', 'and both are noted');
select finish();
