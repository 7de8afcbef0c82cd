-- A trail is written with an id and a moment of its own.
begin;
\ir prelude.psql
select plan(11);
create function pg_temp.old() returns gendurable.trails language sql as $$
    select t from gendurable.trails as t where t.kind = 7 order by t.seq desc limit 1 $$;
create temp view trail as select t.*, t.xmin from gendurable.trails as t where t.kind = 7;
select gendurable._write_trail(pg_temp.trail(xid => '0'), pg_temp.trail(array[pg_temp.line(0, 1, 2, 3)], bound => 9))
    \g /dev/null
select is((select format('%s %s %s', t.seq, t.bound, pg_temp.shown(t.lines)) from trail as t), '2 9 0: 1 2 3',
    'the next one');
select ok((select t.xmin = t.xid::xid and t.xid > pg_current_xact_id() from trail as t),
    'its id is that of a subtransaction, by which it counts');
select is((select t.moments from trail as t), '{}', 'before the first one there is no moment');
select is((select t.at from trail as t), timestamptz '2100-01-01',
    'a clock that was set back leaves the moments in order');
update gendurable.trails set at = '2026-01-01';
select t.xid from trail as t \gset first_
select gendurable._write_trail(pg_temp.old(), pg_temp.old()) \g /dev/null
select is((select count(*) from trail), 1::bigint, 'it takes the place of the one before it');
select is((select (t.seq, t.moments)::text from trail as t),
    format('(3,"{""(\\""2026-01-01 00:00:00+00\\"",%s)""}")', :'first_xid'), 'and remembers when that was written');
select ok((select t.at > now() and t.xid > :'first_xid'::xid8 from trail as t), 'the moment is after the id');
-- Many, a minute apart.
delete from gendurable.trails;
select pg_temp.store(pg_temp.trail(at => pg_temp.at(0))) \g /dev/null
do $$
begin
    for v_n in 1 .. 1000 loop
        perform gendurable._write_trail(pg_temp.old(), pg_temp.old());
        update gendurable.trails set at = pg_temp.at(v_n), xid = xmin::text::xid8;
    end loop;
end
$$;
select is((select cardinality(t.moments) from trail as t), 32, 'no more moments than that');
select ok((select (t.moments[1]).at = pg_temp.at(0) and (t.moments[32]).at = pg_temp.at(999) from trail as t),
    'from the first to the last');
select cmp_ok((select max((n.at - m.at) / (extract(epoch from pg_temp.at(1060) - n.at) / 60))
               from unnest((select t.moments from trail as t)) with ordinality as m (at, xid, nth),
                   unnest((select t.moments from trail as t)) with ordinality as n (at, xid, nth)
               where n.nth = m.nth + 1), '<', interval '1 minute',
                   'of each time one that is no further off than it is long ago');
select is((select count(*) from unnest((select t.moments from trail as t)) with ordinality as m (at, xid, nth),
    unnest((select t.moments from trail as t)) with ordinality as n (at, xid, nth)
           where n.nth > m.nth and (n.at < m.at or n.xid <= m.xid)), 0::bigint, 'in order');
select * from finish();
rollback;
