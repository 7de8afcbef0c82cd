-- The bound of the runs rises, and what it passes is noted.
begin;
\ir prelude.psql
select plan(15);
create function pg_temp.moved(trail gendurable.trails, open xid8[], next xid8) returns text language sql as $$
    select format('%s | %s | %s', m.bound, pg_temp.shown(m.runs), m.pending)
        from gendurable._move_runs(trail, open, next) as m
$$;
select is(pg_temp.moved(pg_temp.trail(), '{}', '320'), '20 | none | {}', 'up to the next transaction''s run');
select is(pg_temp.moved(pg_temp.trail(), '{160}', '320'), '10 | none | {}', 'not beyond one that is open');
select is(pg_temp.moved(pg_temp.trail(), '{48,160}', '320'), '10 | none | {48}',
    'unless it was when the latest trail was written: then it is expected');
select is(pg_temp.moved(pg_temp.trail(pending => '{48}', bound => 10), '{48}', '320'), '20 | none | {48}',
    'as long as it is open');
select is(pg_temp.moved(pg_temp.trail(pending => '{48}', bound => 10), '{}', '320'), '20 | none | {}', 'and no longer');
select is(pg_temp.moved(pg_temp.trail(bound => 10), '{}', '32'), '10 | none | {}', 'it never falls');
select pg_temp.add(1, 5, 3), pg_temp.add(2, 4, 3), pg_temp.add(3, 1, 12), pg_temp.add(4, 1, 20),
    pg_temp.add(5, 1) \g /dev/null
select is(pg_temp.moved(pg_temp.trail(), '{}', '320'), '20 | 12/0/1/id 3 3/0/4/id 2 | {}',
    'runs with instances are listed, from the first one on');
select is(pg_temp.moved(pg_temp.trail(bound => 10,
    runs => array[row(pg_temp.lane(3), 0, pg_temp.at(4), 2, null, null, null)]::gendurable.place[]), '{}', '320'),
    '20 | 12/0/1/id 3 3/0/4/id 2 | {}', 'and stay so');
select is(pg_temp.moved(pg_temp.trail(bound => 10,
    runs => array[row(pg_temp.lane(3), 0, pg_temp.at(4), 3, null, null, null)]::gendurable.place[]), '{}', '320'),
    '20 | 12/0/1/id 3 3/0/5/id 1 | {}', 'nothing comes below the first one any more');
select is(pg_temp.moved(pg_temp.trail(bound => 10, pending => '{48}'), '{}', '320'), '20 | 12/0/1/id 3 3/0/4/id 2 | {}',
    'one that was expected has left some');
select is(pg_temp.moved(pg_temp.trail(bound => 10, pending => '{48,49}'), '{49}', '320'),
    '20 | 12/0/1/id 3 3/all/- | {49}', 'a run that may still be filled is read from its beginning');
delete from gendurable.instances where lane = pg_temp.lane(3);
select is(pg_temp.moved(pg_temp.trail(bound => 10,
    runs => array[row(pg_temp.lane(3), 0, pg_temp.at(4), 2, null, null, null)]::gendurable.place[]), '{}', '320'),
    '20 | 12/0/1/id 3 | {}', 'an empty one is forgotten');
-- Very many.
delete from gendurable.instances;
select pg_temp.add(r * 10 + n, n, r) from generate_series(1, 50) as r, generate_series(1, 2) as n \g /dev/null
select is((select (m.bound, cardinality(m.runs))::text from gendurable._move_runs(pg_temp.trail(), '{}', '1600') as m),
    '(16,15)', 'a trail lists so many, and goes no further');
select is((select count(*) from gendurable.instances as i
    where i.lane = pg_temp.lane(gendurable._run(pg_current_xact_id()))), 0::bigint, 'it leaves them where they are');
select gendurable._move_runs(pg_temp.trail(bound => 16,
    runs => array(select row(pg_temp.lane(r), 0, pg_temp.at(1), 0, null, null, null)::gendurable.place
        from generate_series(1, 15) as r)), '{}', '1600') \g /dev/null
select is((select count(*) from gendurable.instances as i
    where i.lane = pg_temp.lane(gendurable._run(pg_current_xact_id()))), 60::bigint,
    'until there are too many: they are gathered in the run of this transaction');
select * from finish();
rollback;
