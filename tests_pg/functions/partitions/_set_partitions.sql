begin;
select plan(6);
select throws_ok($$ select gendurable._set_partitions('{64}') $$, 'GD002', 'gendurable: invalid argument',
    'there are 64');
select throws_ok($$ select gendurable._set_partitions('{-1}') $$, 'GD002', 'gendurable: invalid argument', 'from 0 on');
select gendurable._set_partitions('{}');
select throws_ok($$ select gd_enqueue('M') $$, 'GD002', 'gendurable: invalid argument',
    'where there is none yet nothing is created');
select gendurable._set_partitions('{0,63}');
select is(gendurable._own_partitions(), '{0,63}', 'they are set');
select gendurable._set_partitions('{7}');
select is(gendurable._own_partitions(), '{7}', 'and may be others later');
select gd_enqueue('M');
select lives_ok($$ select gendurable._set_partitions('{7,8}') $$, 'also with instances, whose ids name theirs');
select finish();
rollback;
