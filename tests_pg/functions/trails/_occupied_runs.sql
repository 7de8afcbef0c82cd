-- The runs with instances.
begin;
\ir prelude.psql
select plan(4);
select pg_temp.add(r * 10 + n, n, r) from generate_series(3, 9, 3) as r, generate_series(1, 3) as n \g /dev/null
select pg_temp.add(1, 1), pg_temp.add(2, 1, 5, phase => 'held'), pg_temp.add(3, 1, 4, kind => 8) \g /dev/null
select is(gendurable._occupied_runs(pg_temp.lane(), 1, 100, 9), '{3,6,9}'::bigint[], 'each once');
select is(gendurable._occupied_runs(pg_temp.lane(), 4, 9, 9), '{6}'::bigint[], 'from one on and before another one');
select is(gendurable._occupied_runs(pg_temp.lane(), 1, 100, 2), '{3,6}'::bigint[], 'the first ones');
select is(gendurable._occupied_runs(pg_temp.lane(), 10, 100, 2), '{}'::bigint[], 'or none');
select * from finish();
rollback;
