-- Floors rise to what is sealed, or to the first instance.
begin;
\ir prelude.psql
select plan(12);
create function pg_temp.moved(trail gendurable.trails, open xid8[] default '{}') returns text language sql as $$
    select pg_temp.shown(m.lines) || ' | ' || pg_temp.shown(m.gaps) from gendurable._move_lines(trail, open) as m
$$;
select is(pg_temp.moved(pg_temp.trail()), 'none | none', 'no line');
select is(pg_temp.moved(pg_temp.trail(array[pg_temp.line(0, null, null, 10)])), '0: - 10 10 | none',
    'a cap is sealed by the next trail');
select is(pg_temp.moved(pg_temp.trail(array[pg_temp.line(0, 1, 5, 10)])), '0: 5 10 10 | none',
    'the floor rises to what was sealed before');
select pg_temp.add(1, 3) \g /dev/null
select is(pg_temp.moved(pg_temp.trail(array[pg_temp.line(0, 1, 5, 10)])), '0: 3 10 10 | none',
    'or at the first instance');
select is(pg_temp.moved(pg_temp.trail(array[pg_temp.line(0, 3, 5, 10)])), '0: 3 10 10 | none', 'which stays it');
delete from gendurable.instances;
select is(pg_temp.moved(pg_temp.trail(array[pg_temp.line(0, 1, 5, 10)]), '{100,200}'), '0: 5 10 10 | none',
    'a transaction that began after the latest trail respects what is sealed');
select is(pg_temp.moved(pg_temp.trail(array[pg_temp.line(0, 1, 5, 10)]), '{50,99}'), '0: 5 10 10 | 0: 1-5 {50,99}',
    'what others may fill is a gap');
select is(pg_temp.moved(pg_temp.trail(array[pg_temp.line(0, 1, 5, 10)], array[pg_temp.gap(0, 1, '{50}')]), '{50}'),
    '0: 5 10 10 | 0: 0-5 {50}', 'which grows while it is the same ones''');
select is(pg_temp.moved(pg_temp.trail(array[pg_temp.line(0, 1, 5, 10)], array[pg_temp.gap(0, 1, '{50}', true)]),
    '{50}'), '0: 5 10 10 | 0: 0-1 {50} occupied, 0: 1-5 {50}', 'unless there are some in it');
select is(pg_temp.moved(pg_temp.trail(array[pg_temp.line(0, 1, 5, 10)],
    array(select pg_temp.gap(-n, -n + 0.5, '{50}') from generate_series(1, 32) as n)), '{50}') ~ '^0: 1 10 10 ', true,
    'where there are too many gaps the floor waits');
select is(pg_temp.moved(pg_temp.trail(array[pg_temp.line(0, 1, 5, 10)],
    moments => array[row(pg_temp.at(0), '60')]::gendurable.moment[], at => pg_temp.at(90)), '{50,99}'),
    '0: 5 10 10 | 0: 1-5 {99}',
    'one that began long before the floor''s moment is not expected');
select is(pg_temp.moved(pg_temp.trail(array[pg_temp.line(-1, 1, 2, 3), pg_temp.line(0, 1, 5, 10)]), '{50}'),
    '-1: 2 3 3, 0: 5 10 10 | -1: 1-2 {50}, 0: 1-5 {50}', 'each line by itself');
select * from finish();
rollback;
