-- Where the ready instances of some kinds may begin.
begin;
\ir prelude.psql
select plan(8);
create function pg_temp.places() returns text language sql as $$ select pg_temp.shown(gendurable._places('{7}')) $$;
select is(gendurable._places('{}'), '{}'::gendurable.place[], 'of none, none');
select is(pg_temp.places(), '0/all/-', 'without a trail the line from its beginning');
select pg_temp.add(1, 5, 3), pg_temp.add(2, 5, 9), pg_temp.add(3, 5, 5, kind => 8) \g /dev/null
select is(pg_temp.places(), '0/all/- 3/all/- 9/all/-', 'and each run');
select pg_temp.store(pg_temp.trail(array[pg_temp.line(-1, 1, 2, 3), pg_temp.line(4, 5, 6, 7)], bound => 4)) \g /dev/null
select is(pg_temp.places(), '0/-1/1/id 0..p4 0/4/5/id 0 0/all/-..p-1 9/all/-',
    'each line from its floor on to the next one, what is before the first one, the runs from the bound on');
update gendurable.trails set runs = array[row(pg_temp.lane(3), 0, pg_temp.at(5), 1, null, null,
    null)]::gendurable.place[];
select is(pg_temp.places(), '0/-1/1/id 0..p4 0/4/5/id 0 0/all/-..p-1 3/0/5/id 1 9/all/-', 'and the odd ones');
update gendurable.trails set runs = '{}', gaps = array[pg_temp.gap(1, 2, '{3}', true)];
select is(pg_temp.places(), '0/-1/1/id 0..p4 0/0/1/id 0..2 0/0/2..id 0 0/4/5/id 0 0/all/-..p-1 9/all/-', 'gaps too');
select is(pg_temp.shown(gendurable._places('{8}')), '0/all/- 5/all/-', 'each kind has its own');
update gendurable.trails set xid = '1';
select is(pg_temp.places(), '0/all/- 3/all/- 9/all/-', 'a trail of another database is void');
select * from finish();
rollback;
