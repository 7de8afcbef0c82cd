-- What becomes of gaps.
begin;
\ir prelude.psql
select plan(6);
create function pg_temp.moved(gap gendurable.gap, open xid8[]) returns text language sql as $$
    select pg_temp.shown(gendurable._move_gaps(pg_temp.trail(gaps => array[gap]), open))
$$;
select pg_temp.add(1, 5), pg_temp.add(2, 30) \g /dev/null
select is(pg_temp.moved(pg_temp.gap(10, 20, '{50}'), '{50,60}'), '0: 10-20 {50}',
    'it stays as long as its transaction is open');
select is(pg_temp.moved(pg_temp.gap(10, 20, '{50,51}'), '{51}'), '0: 10-20 {51}', 'or one of them');
select is(pg_temp.moved(pg_temp.gap(10, 20, '{50}'), '{60}'), 'none', 'then it goes, if it is empty');
select is(pg_temp.moved(pg_temp.gap(1, 20, '{50}'), '{60}'), '0: 5-20 {} occupied',
    'else it stays, from the first instance on');
select is(pg_temp.moved(pg_temp.gap(1, 20, '{50,51}'), '{51}'), '0: 1-20 {51} occupied',
    'from its beginning where more may come');
select is(pg_temp.moved(pg_temp.gap(10, 20, '{51}', true), '{51}'), '0: 10-20 {51}',
    'what was taken from it is noticed');
select * from finish();
rollback;
