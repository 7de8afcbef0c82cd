-- The next instances of several places, and from where on there may be more.
begin;
\ir ../trails/prelude.psql
select plan(8);
-- Goes on until all is found, p_most at a time.
create function pg_temp.walk(places gendurable.place[], most int) returns text language plpgsql as $$
declare
    v_step record;
    v_ids  bigint[] := '{}';
    v_n    int := 0;
begin
    while places <> '{}' and v_n < 1000 loop
        select n.* into v_step from gendurable._merged(places, most) as n;
        v_ids := v_ids || array(select i.id from gendurable.instances as i where i.ctid = any (v_step.rows)
            order by i.priority, i.eligible_at, i.id);
        places := case when v_step.priority is null then '{}' else gendurable._beyond(places, v_step.priority,
            v_step.at, v_step.id) end;
        v_n := v_n + 1;
    end loop;
    return v_ids;
end
$$;
create function pg_temp.whole(run bigint) returns gendurable.place
    language sql immutable return row(pg_temp.lane(run), -2147483648, '-infinity', pg_temp.least(), null, null,
        null)::gendurable.place;
select is(pg_temp.walk('{}', 3), '{}', 'of none, none');
select is(pg_temp.walk(array[pg_temp.whole(1)], 3), '{}', 'of an empty one none');
select pg_temp.add(n, n * 7 % 10, 1 + n * n % 5, n % 3 - 1) from generate_series(1, 60) as n \g /dev/null
create function pg_temp.sorted() returns text language sql as $$
    select array_agg(i.id order by i.priority, i.eligible_at, i.id)::text from gendurable.instances as i $$;
select is(pg_temp.walk(array(select pg_temp.whole(n) from generate_series(1, 5) as n), 100), pg_temp.sorted(),
    'all at once');
select is(pg_temp.walk(array(select pg_temp.whole(n) from generate_series(1, 5) as n), 60), pg_temp.sorted(),
    'as many as there are');
select is(pg_temp.walk(array(select pg_temp.whole(n) from generate_series(1, 5) as n), 7), pg_temp.sorted(),
    'some at a time');
select is(pg_temp.walk(array(select pg_temp.whole(n) from generate_series(1, 16) as n), 1), pg_temp.sorted(),
    'one by one, of sixteen places');
select is(pg_temp.walk(array(select pg_temp.whole(n) from generate_series(1, 5) as n), 2147483647), pg_temp.sorted(),
    'any number');
select is((select cardinality(n.rows) <= 4
    from gendurable._merged(array(select pg_temp.whole(n) from generate_series(1, 5) as n), 4) as n), true,
    'no more than asked for');
select * from finish();
rollback;
