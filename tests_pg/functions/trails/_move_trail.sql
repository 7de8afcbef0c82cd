-- A trail moves behind what was claimed; tests_pg/races/trails.sql has the interleavings.
begin;
\ir prelude.psql
select plan(15);
-- Moves as another transaction: each trail counts for the next one.
select test.connect('other') \g /dev/null
create function pg_temp.move(variadic ids bigint[]) returns text language plpgsql as $$
begin
    perform test.query('other', format('select gendurable._move_trail(7, %L)', ids));
    return (select format('%s, fence %s', pg_temp.shown(t.lines),
        pg_temp.minute(date_trunc('second', (gendurable._enter_ready()).fence)))
            from gendurable.trails as t where t.kind = 7 order by t.seq desc limit 1);
end
$$;
create function pg_temp.add_now(id bigint, minute float8, priority int default 0, run bigint default 0) returns void
    language sql as $$
    select test.query('other',
        format($q$insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, lane, phase, step, state,
            priority, fsm_version, fsm, queue)
        values (%s, now(), %L, now(), %s, 'executing', 's', '{}', %s, 1, 'm', 'q') returning id$q$, id,
            pg_temp.at(minute), pg_temp.lane(run), priority))
$$;
select alike(pg_temp.move(999), 'none, fence -%', 'an instance that is not there moves no cap');
select alike(pg_temp.move(variadic '{}'), 'none, fence -%', 'nor do none');
select pg_temp.add_now(1, 1), pg_temp.add_now(2, 2), pg_temp.add_now(3, 3), pg_temp.add_now(4, 4, 1),
    pg_temp.add_now(5, 9, 0, 5) \g /dev/null
select is(pg_temp.move(1, 2), '0: - - 2, fence 2', 'the cap is at the last one, and the fence at the cap');
select is(pg_temp.move(3, 4), '0: - 2 3, 1: - - 4, fence 4', 'each priority has its own');
select is(pg_temp.move(1), '0: 2 3 3, 1: - 4 4, fence 4', 'no cap falls, and floors follow');
select is(pg_temp.move(5), '0: 3 3 3, 1: 4 4 4, fence 4', 'what stood in a run moves no cap');
select test.query('other', $$
    update gendurable.instances set phase = 'awaiting_signal', eligible_at = 'infinity' where id = 1 returning id $$)
    \g /dev/null
select is(pg_temp.move(1), '0: 3 3 3, 1: 4 4 4, fence 4', 'nor does what is no claim any more');
select is((select count(*) from gendurable.trails as t where t.kind = 7), 1::bigint, 'one row');
select is((select cardinality(t.moments) from gendurable.trails as t), 6,
    'that knows when the ones before it were written');
select ok((select bool_and(m.at <= n.at and m.xid < n.xid)
           from gendurable.trails as t, unnest(t.moments) with ordinality as m (at, xid, nth),
               unnest(t.moments || row(t.at, t.xid)::gendurable.moment) with ordinality as n (at, xid, nth)
           where n.nth = m.nth + 1), 'in order');
-- While another mover holds the fence, the caps stay.
select test.connect('third'), test.exec('third', 'begin') \g /dev/null
select test.query('third', 'select pg_advisory_xact_lock(26472, 0)') \g /dev/null
select pg_temp.add_now(6, 20) \g /dev/null
select is(pg_temp.move(6), '0: 3 3 3, 1: 4 4 4, fence 4', 'no cap is above the fence');
select test.exec('third', 'rollback') \g /dev/null
select is(pg_temp.move(6), '0: 3 3 20, 1: 4 4 4, fence 20', 'which the next one raises');
-- More priorities than have a line.
select pg_temp.add_now(100 + p, 30, p) from generate_series(2, 50) as p \g /dev/null
select pg_temp.move(variadic array(select 100 + p from generate_series(2, 50) as p))
    ~ '^0: 3 20 20, 1: 4 4 4, 2: - - 30, .*31: - - 30, fence' as more \gset
select ok(:'more', 'the most urgent ones have one');
select ok((gendurable._enter_ready()).fence > '9000-01-01',
    'and the fence alone says of none any more that it is in its line');
select is(pg_temp.move(variadic array(select 100 + p from generate_series(40, 50) as p)) ~ '31: - 30 30, fence', true,
    'others move no cap');
select test.query('other', 'delete from gendurable.instances returning id'),
    test.query('other', 'delete from gendurable.trails returning kind') \g /dev/null
select * from finish();
rollback;
