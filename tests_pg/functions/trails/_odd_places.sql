-- Where instances may be behind floors and bounds.
begin;
\ir prelude.psql
select plan(8);
create function pg_temp.odd(trail gendurable.trails) returns text language sql as $$
    select pg_temp.shown(gendurable._odd_places(array[trail])) $$;
-- One transaction that is open, one that is not.
select test.connect('other'), test.exec('other', 'begin') \g /dev/null
select test.query('other', 'select pg_current_xact_id()::text as x') -> 0 ->> 'x' as open \gset
select test.connect('third') \g /dev/null
select test.query('third', 'select pg_current_xact_id()::text as x') -> 0 ->> 'x' as over \gset
select gendurable._run(:'open') as open_run, gendurable._run(:'over') as over_run \gset
select is(pg_temp.odd(pg_temp.trail()), 'none', 'nowhere');
select is(pg_temp.odd(pg_temp.trail(runs => array[row(pg_temp.lane(3), 0, pg_temp.at(4), 2, null, null,
    null)]::gendurable.place[])), '3/0/4/id 2', 'a run that is listed');
select is(pg_temp.odd(pg_temp.trail(pending => array[:'open']::xid8[])), 'none', 'none of a transaction that is open');
select is(pg_temp.odd(pg_temp.trail(pending => array[:'over']::xid8[])), :'over_run' || '/all/-',
    'that of one that has ended');
select is(pg_temp.odd(pg_temp.trail(pending => array[:'over']::xid8[],
    runs => array[row(pg_temp.lane(:over_run), 0, pg_temp.at(4), 2, null, null, null)]::gendurable.place[])),
    :'over_run' || '/0/4/id 2', 'once');
select is(pg_temp.odd(pg_temp.trail(gaps => array[pg_temp.gap(1, 2, array[:'open']::xid8[])])), 'none',
    'no gap of a transaction that is open');
select is(pg_temp.odd(pg_temp.trail(gaps => array[pg_temp.gap(1, 2, array[:'open', :'over']::xid8[])])),
    '0/0/1/id 0..2 0/0/2..id 0', 'that of one that has ended: before its last moment, and of that');
select is(pg_temp.odd(pg_temp.trail(gaps => array[row(0, pg_temp.at(1), 5, pg_temp.at(1), 9, '{}',
    true)]::gendurable.gap[])), '0/0/1/id 5..id 9', 'an occupied one, of one moment');
select test.exec('other', 'rollback') \g /dev/null
select * from finish();
rollback;
