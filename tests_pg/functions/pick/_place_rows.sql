-- The instances of a place.
begin;
\ir ../trails/prelude.psql
select plan(3);
create function pg_temp.rows(place gendurable.place) returns text language sql as $$
    select array_agg(r.id)::text from gendurable._place_rows(place) as r $$;
select pg_temp.add(1, 9, 3), pg_temp.add(2, 5, 3), pg_temp.add(3, 5, 3), pg_temp.add(4, 1, 3, 2),
    pg_temp.add(5, 1, 4) \g /dev/null
select is(pg_temp.rows(row(pg_temp.lane(3), 0, pg_temp.at(5), 3, null, null, null)::gendurable.place), '{3,1,4}',
    'in order, to the end');
select is(pg_temp.rows(row(pg_temp.lane(3), -2147483648, '-infinity', 0, 2, null, null)::gendurable.place), '{2,3,1}',
    'before another priority');
select is(pg_temp.rows(null), null, 'of no place none');
select * from finish();
rollback;
