begin;
select plan(3);
select is(gendurable._own_partitions(), null, 'a database by itself has none');
select setval('gendurable.partitions', 5);
select is(gendurable._own_partitions(), '{0,2}', 'they are the bits');
select setval('gendurable.partitions', (select bit_or(1::bigint << n) from generate_series(0, 63) as n));
select is(gendurable._own_partitions(), array(select generate_series(0, 63)), 'all 64 fit');
select finish();
rollback;
