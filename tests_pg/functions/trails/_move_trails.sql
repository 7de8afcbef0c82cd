-- The trails of all kinds move of which there were claims.
begin;
\ir prelude.psql
select plan(3);
create function pg_temp.moved() returns text language sql as $$
    select string_agg(format('%s %s', t.kind, pg_temp.shown(t.lines)), ' | ' order by t.kind)
        from gendurable.trails as t $$;
select gendurable._move_trails('{1,2}') \g /dev/null
select is(pg_temp.moved(), null, 'of no instance no kind');
select pg_temp.add(1, 1, phase => 'executing'), pg_temp.add(2, 2, phase => 'executing'),
    pg_temp.add(3, 3, kind => 8, phase => 'executing'), pg_temp.add(4, 4, kind => 9, phase => 'executing') \g /dev/null
select gendurable._move_trails('{1,2,3}') \g /dev/null
select is(pg_temp.moved(), '7 0: - - 2 | 8 0: - - 3', 'each behind its own');
select pg_temp.add(100 + n, 1, kind => 100 + n, phase => 'executing') from generate_series(1, 50) as n \g /dev/null
select gendurable._move_trails(array(select 100 + n from generate_series(1, 50) as n)) \g /dev/null
select is((select count(*) from gendurable.trails as t where t.kind > 100), 16::bigint, 'some of very many');
select * from finish();
rollback;
