begin;
select plan(6);
select gendurable._set_partitions(array(select generate_series(0, 31)));
select is(gendurable._partitioned_id(7, true, 'k'), currval('gendurable.instances_id_seq') << 6 | 7,
    'the number, and the partition that is asked for');
select throws_ok($$ select gendurable._partitioned_id(40, true, 'k') $$, 'GD002', 'gendurable: invalid argument',
    'which has to be here');
select ok(bool_and(gendurable._partitioned_id(null, false, 'k' || n) & 63 = gendurable._partition('k' || n)),
    'a key that belongs here names it')
from generate_series(1, 200) as n where gendurable._partition('k' || n) < 32;
select ok(bool_and(gendurable._partitioned_id(null, false, 'k' || n) & 63 < 32),
    'one that does not goes to any that is here')
from generate_series(1, 200) as n;
select is(count(distinct gendurable._partitioned_id(null, false, null) & 63)::int, 32, 'so does what has none, in turn')
    from generate_series(1, 32);
-- The whole way: a batch, its children, a schedule's.
select gd_enqueue_many('[{"fsm": "M", "partition": 9}, {"fsm": "M", "correlation_key": "x", "partition": 30}]');
select is(array_agg(id & 63 order by id)::text, '{9,30}', 'entries of a batch say it') from gendurable.instances;
select finish();
rollback;
