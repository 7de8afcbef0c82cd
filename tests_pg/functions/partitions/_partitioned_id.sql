begin;
select plan(4);
select gendurable._set_partitions(array(select generate_series(0, 31)));
select is(gendurable._partitioned_id(null) >> 6, currval('gendurable.instances_id_seq'),
    'the number is above the partition');
select throws_ok($$ select gendurable._partitioned_id(40) $$, 'GD002', 'gendurable: invalid argument',
    'one that is asked for has to be here');
select is(array_agg(distinct gendurable._partitioned_id(null)::int & 63), array(select generate_series(0, 31)),
    'all that are here have their share, and no other')
from generate_series(1, 2000);
select gendurable._change_partition(p, false) from generate_series(0, 31) as p \g /dev/null
select throws_ok($$ select gendurable._partitioned_id(null) $$, 'GD002', 'gendurable: invalid argument',
    'where none is left nothing is created');
select finish();
rollback;
