-- Whether a place is below the cap of its line.
begin;
\ir prelude.psql
select plan(9);
create function pg_temp.below(minute float8, id bigint default 5, priority int default 0) returns boolean
    language sql as $$
    select gendurable._is_below_cap(7, priority, pg_temp.at(minute), id)
$$;
select ok(not pg_temp.below(1), 'there is no trail');
select pg_temp.store(pg_temp.trail(array[pg_temp.line(-2, 1, 5, 20), pg_temp.line(0, 1, 5, 10)])) \g /dev/null
select ok(pg_temp.below(9), 'below the cap');
select ok(pg_temp.below(10, -1), 'by its id');
select ok(not pg_temp.below(10, 0), 'the cap itself is not');
select ok(pg_temp.below(19, 5, -2), 'each priority has its own');
select ok(not pg_temp.below(1, 5, 1), 'a priority without a line has no cap');
update gendurable.trails set lines = array(select pg_temp.line(p, 1, 5, 10) from generate_series(0, 31) as p);
select ok(pg_temp.below(50, 5, 32), 'where no line is left for it, it is always below');
select ok(not pg_temp.below(50, 5, 31), 'others are not');
update gendurable.trails set xid = '1';
select ok(not pg_temp.below(9), 'a trail of another database is void');
select * from finish();
rollback;
