begin;
select plan(4);
select throws_ok($$ select gendurable._change_partition(1, true) $$, 'GD002', 'gendurable: invalid argument',
    'not in a database that is not one of many');
select gendurable._set_partitions('{1}');
select gendurable._change_partition(63, true), gendurable._change_partition(1, true);
select is(gendurable._own_partitions(), '{1,63}', 'one comes');
select gendurable._change_partition(1, false), gendurable._change_partition(2, false);
select is(gendurable._own_partitions(), '{63}', 'one goes');
select gendurable._change_partition(63, false);
select is(gendurable._own_partitions(), '{}', 'all may go');
select finish();
rollback;
