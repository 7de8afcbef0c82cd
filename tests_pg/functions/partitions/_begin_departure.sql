begin;
select plan(5);
select gendurable._set_partitions('{1,2}');
select throws_ok($$ select gendurable._begin_departure(3, 'there') $$, 'GD002', 'gendurable: invalid argument',
    'what is not here does not leave');
select gendurable._begin_departure(1, 'there');
select is(array_agg(d.partition)::text, '{1}', 'it is noted') from gendurable.departures as d;
select is(gendurable._own_partitions(), '{1,2}', 'and here as before');
select gendurable._change_partition(1, false);
select lives_ok($$ select gendurable._begin_departure(1, 'there') $$, 'a move that was interrupted goes on');
select throws_ok($$ select gendurable._begin_departure(1, 'elsewhere') $$, 'GD002', 'gendurable: invalid argument',
    'to the database to which it began');
select finish();
rollback;
