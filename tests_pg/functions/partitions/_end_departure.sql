begin;
select plan(2);
select gendurable._set_partitions('{1,2}');
select gendurable._begin_departure(p, 'there') from unnest('{1,2}'::int[]) as p;
select gendurable._change_partition(1, false), gendurable._end_departure(1);
select is(array_agg(d.partition)::text, '{2}', 'it is forgotten') from gendurable.departures as d;
select throws_ok($$ select gendurable._begin_departure(1, 'there') $$, 'GD002', 'gendurable: invalid argument',
    'so it does not leave from here again');
select finish();
rollback;
