-- The first instance of a part of a line.
begin;
\ir prelude.psql
select plan(9);
create function pg_temp.first(f float8, f_id bigint, until float8, until_id bigint, priority int default 0) returns text
    language sql as $$
    select coalesce(pg_temp.minute(x.at) || ' ' || x.id, 'none')
        from gendurable._first_in_line(pg_temp.lane(), priority, coalesce(pg_temp.at(f), '-infinity'), f_id,
            pg_temp.at(until), until_id) as x
$$;
select pg_temp.add(3, 10), pg_temp.add(4, 10), pg_temp.add(5, 20), pg_temp.add(6, 11, 9),
    pg_temp.add(7, 5, priority => 1), pg_temp.add(8, 9, phase => 'executing') \g /dev/null
select is(pg_temp.first(null, 0, 30, 0), '10 3', 'the first one');
select is(pg_temp.first(10, 4, 30, 0), '10 4', 'from a place on');
select is(pg_temp.first(10, 5, 30, 0), '20 5', 'the next moment');
select is(pg_temp.first(10, 5, 20, 5), 'none', 'before another place');
select is(pg_temp.first(10, 5, 20, 6), '20 5', 'of one moment by the id');
select is(pg_temp.first(10, 4, 10, 5), '10 4', 'a part of a moment');
select is(pg_temp.first(10, 5, 10, 9), 'none', 'that is empty');
select is(pg_temp.first(null, 0, 30, 0, 1), '5 7', 'of another priority');
update gendurable.instances set eligible_at = '-infinity' where id = 5;
select is((select x.id from gendurable._first_in_line(pg_temp.lane(), 0, '-infinity', pg_temp.least(), '-infinity', 6)
    as x), 5::bigint, 'at the beginning of time');
select * from finish();
rollback;
