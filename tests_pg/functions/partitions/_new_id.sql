begin;
select plan(11);
select is(gendurable._new_id('k', null, null), currval('gendurable.instances_id_seq'), 'by itself a database counts');
select throws_ok($$ select gendurable._set_partitions('{1}') $$, 'GD002', 'gendurable: invalid argument',
    'then it cannot become one of many');
select setval('gendurable.partitions', 12);
select is(gendurable._new_id('k', null, null, 3), currval('gendurable.instances_id_seq') << 6 | 3,
    'the number, and the partition that is asked for');
select is(gendurable._new_id('k', null, null, 2, 64 + 3) & 63, 3::bigint, 'a child has that of its parent');
select is(gendurable._new_id('k', null, null, null, 64 + 5) & 63, 5::bigint, '… which may be leaving');
select throws_ok($$ select gendurable._new_id('k', null, null, 40) $$, 'GD002', 'gendurable: invalid argument',
    'what is asked for has to be here');
select setval('gendurable.partitions', (1::bigint << 32) - 1);
select ok(bool_and(gendurable._new_id('k' || n, 'other', 'third') & 63 = gendurable._partition('k' || n)),
    'a key that belongs here names it')
from generate_series(1, 200) as n where gendurable._partition('k' || n) < 32;
select ok(bool_and(gendurable._new_id(null, null, 'k' || n) & 63 = gendurable._partition('k' || n)),
    '… the first that there is of three')
from generate_series(1, 200) as n where gendurable._partition('k' || n) < 32;
select ok(bool_and(gendurable._new_id('k' || n, null, null) & 63 < 32),
    'one that does not goes to any that is here')
from generate_series(1, 200) as n;
select cmp_ok(count(distinct gendurable._new_id(null, null, null) & 63)::int, '>', 20, 'so does what has none')
from generate_series(1, 200);
-- The whole way: a batch, its children, a schedule's.
select gd_enqueue_many('[{"fsm": "M", "partition": 9}, {"fsm": "M", "correlation_key": "x", "partition": 30}]');
select is(array_agg(id & 63 order by id)::text, '{9,30}', 'entries of a batch say it') from gendurable.instances;
select finish();
rollback;
