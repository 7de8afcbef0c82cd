-- What is left of places.
begin;
\ir ../trails/prelude.psql
select plan(6);
create function pg_temp.place(run bigint, priority int, minute float8, until_priority int default null,
    until_at float8 default null, until_id bigint default null) returns gendurable.place
language sql immutable return row(pg_temp.lane(run), priority, coalesce(pg_temp.at(minute), '-infinity'),
    case when minute is null then pg_temp.least() else 0 end, until_priority, pg_temp.at(until_at),
    until_id)::gendurable.place;
create function pg_temp.beyond(priority int, minute float8, variadic places gendurable.place[]) returns text
    language sql as $$
    select pg_temp.shown(gendurable._beyond(places, priority, pg_temp.at(minute), 5))
$$;
select is(pg_temp.beyond(0, 5, pg_temp.place(1, 0, 1), pg_temp.place(2, -2147483648, null)), '1/0/5/id 5 2/0/5/id 5',
    'from there on');
select is(pg_temp.beyond(0, 5, pg_temp.place(1, 0, 9), pg_temp.place(2, 1, 1)), '1/0/9/id 0 2/1/1/id 0',
    'what begins later is left whole');
select is(pg_temp.beyond(2, 5, pg_temp.place(0, 0, 9, 2), pg_temp.place(0, 0, 9, 3)), '0/2/5/id 5..p3',
    'what ends before it is gone');
select is(pg_temp.beyond(0, 5, pg_temp.place(0, 0, 1, until_at => 5), pg_temp.place(0, 0, 1, until_at => 6),
    pg_temp.place(0, 0, 7, until_at => 8)), '0/0/5/id 5..6 0/0/7/id 0..8', 'gaps too');
select is(pg_temp.beyond(0, 5, pg_temp.place(0, 0, 5, until_id => 5), pg_temp.place(0, 0, 5, until_id => 6),
    pg_temp.place(0, 0, 7, until_id => 6)), '0/0/5/id 5..id 6 0/0/7/id 0..id 6', 'of one moment');
select is(pg_temp.beyond(1, 5, pg_temp.place(0, 0, 7, until_at => 8)), 'none', 'a gap is of one priority');
select * from finish();
rollback;
