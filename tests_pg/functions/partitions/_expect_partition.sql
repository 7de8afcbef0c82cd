begin;
select plan(4);
select throws_ok($$ select gendurable._expect_partition(1) $$, 'GD002', 'gendurable: invalid argument',
    'not in a database that is not one of many');
select gendurable._set_partitions('{}');
select is(gendurable._expect_partition(1),
    format('database %s of server %s', current_database(), (select system_identifier from pg_control_system())),
    'it says which database it is');
select gendurable._hold_partition(1);
select gendurable._begin_departure(1, 'elsewhere');
select gendurable._change_partition(1, false);
select throws_ok($$ select gendurable._expect_partition(1) $$, 'GD002', 'gendurable: invalid argument',
    'what is on its way from here does not come');
select gendurable._end_departure(1);
select lives_ok($$ select gendurable._expect_partition(1) $$, 'it may come back');
select finish();
rollback;
