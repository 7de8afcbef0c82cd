begin;
select plan(1);
select gendurable._set_partitions('{1}');
select gendurable._hold_partition(63), gendurable._hold_partition(1);
select is(gendurable._own_partitions(), '{1,63}', 'it is one more');
select finish();
rollback;
