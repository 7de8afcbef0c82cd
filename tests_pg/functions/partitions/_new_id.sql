begin;
select plan(4);
select is(gendurable._new_id('k', null, null), currval('gendurable.instances_id_seq'), 'by itself a database counts');
select throws_ok($$ select gendurable._set_partitions('{1}') $$, 'GD002', 'gendurable: invalid argument',
    'then it cannot become one of many');
select setval('gendurable.partitions', 12);
select is(gendurable._new_id('k', null, null, 3) & 63, 3::bigint, 'the partition that is asked for');
select is(gendurable._new_id('k', null, null, 2, 64 + 3) & 63, 3::bigint, 'a child has that of its parent');
select finish();
rollback;
