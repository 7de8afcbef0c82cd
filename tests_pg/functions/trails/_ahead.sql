-- The first instances of a place.
begin;
\ir prelude.psql
select plan(5);
create function pg_temp.ids(priority int, minute float8, id bigint, until int, most int) returns text language sql as $$
    select array_agg(a.id)::text
        from gendurable._ahead(pg_temp.lane(3), priority, coalesce(pg_temp.at(minute), '-infinity'), id, until, most)
        as a
$$;
select pg_temp.add(1, 9, 3), pg_temp.add(2, 5, 3), pg_temp.add(3, 5, 3), pg_temp.add(4, 1, 3, 2), pg_temp.add(5, 1, 4),
    pg_temp.add(6, 1, 3, 2147483647), pg_temp.add(7, 1, 3, -2147483648) \g /dev/null
select is(pg_temp.ids(-2147483648, null, pg_temp.least(), null, 9), '{7,2,3,1,4,6}',
    'in the order of picking, to the end');
select is(pg_temp.ids(0, 5, 3, null, 9), '{3,1,4,6}', 'from a place on');
select is(pg_temp.ids(0, 5, 3, 2, 9), '{3,1}', 'before another priority');
select is(pg_temp.ids(-2147483648, null, pg_temp.least(), -2147483648, 9), null, 'which may be the first there is');
select is(pg_temp.ids(0, 5, 2, null, 2), '{2,3}', 'no more than asked for');
select * from finish();
rollback;
