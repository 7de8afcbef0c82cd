-- The first instances of a gap.
begin;
\ir prelude.psql
select plan(5);
create function pg_temp.ids(minute float8, id bigint, until_at float8, until_id bigint, most int default 9) returns text
    language sql as $$
    select array_agg(a.id)::text from gendurable._ahead_in_gap(pg_temp.lane(), 0, pg_temp.at(minute), id,
        pg_temp.at(until_at), until_id, most) as a
$$;
select pg_temp.add(1, 9), pg_temp.add(2, 5), pg_temp.add(3, 5), pg_temp.add(4, 5), pg_temp.add(5, 5, 1),
    pg_temp.add(6, 5, 0, 1) \g /dev/null
select is(pg_temp.ids(5, 2, 9, null), '{2,3,4}', 'before a moment');
select is(pg_temp.ids(5, 3, 10, null), '{3,4,1}', 'from a place on');
select is(pg_temp.ids(5, 2, null, 4), '{2,3}', 'or of one moment before an id');
select is(pg_temp.ids(5, 2, 9, null, 1), '{2}', 'no more than asked for');
select is(pg_temp.ids(6, 2, null, 4), null, 'or none');
select * from finish();
rollback;
