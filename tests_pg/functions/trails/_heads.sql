-- Which of some places are occupied.
begin;
\ir prelude.psql
select plan(3);
select pg_temp.add(1, 9, 3), pg_temp.add(2, 5), pg_temp.add(3, 7, 0, 2) \g /dev/null
create function pg_temp.place(run bigint, priority int, minute float8, until_priority int default null,
    until_at float8 default null, until_id bigint default null) returns gendurable.place
language sql immutable return row(pg_temp.lane(run), priority, pg_temp.at(minute), 0, until_priority,
    pg_temp.at(until_at), until_id)::gendurable.place;
select is(pg_temp.shown(gendurable._heads('{}')), 'none', 'of none, none');
select is(pg_temp.shown(gendurable._heads(array[pg_temp.place(3, 0, 1), pg_temp.place(4, 0, 1),
    pg_temp.place(0, 0, 6, 1), pg_temp.place(0, 0, 6, 3)])), '0/2/7/id 3..p3 3/0/9/id 1',
    'each from its first instance on');
select is(pg_temp.shown(gendurable._heads(array[pg_temp.place(0, 0, 1, until_at => 6),
    pg_temp.place(0, 0, 5, until_id => 3), pg_temp.place(0, 0, 6, until_at => 9)])),
    '0/0/5/id 2..6 0/0/5/id 2..id 3', 'gaps as well');
select * from finish();
rollback;
