begin;
select plan(3);
select is(gendurable._holds_partition(0), false, 'a database by itself holds none');
select gendurable._set_partitions('{0,63}');
select is(gendurable._holds_partition(63) and gendurable._holds_partition(0), true, 'those that are set');
select is(gendurable._holds_partition(1), false, 'and no other');
select finish();
rollback;
