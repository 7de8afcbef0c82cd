-- Where the look for doorbells begins × transactions that ring: no doorbell is lost.
--
-- Race:      Doorbells × the bound of their runs
-- Sessions:  A: open, rings at its end; B: moves the bound. A begins after the latest trail. A move
--            that is undone.
-- Guard:     A run of an open transaction is read once that has ended, or the bound does not pass
--            it. Occupied runs are listed.
-- Mutations: An open transaction is not noted → 3, 4; its run is not read once it has ended → 3;
--            the next move does not list it → 4; the bound passes what began after the latest trail
--            → 3, 4, 6–9; occupied runs are not listed → 8, 9.
\ir prelude.psql
select plan(9);
select test.open('a', 'b', 'c');

create function test.moves(times int, session text default 'b') returns void language plpgsql as $$
begin
    for v_n in 1 .. times loop
        -- Runs have sixteen ids.
        perform test.query(session, 'select pg_current_xact_id()') from generate_series(1, 17);
        perform test.query(session, 'select gendurable._move_limit_trail()');
    end loop;
end
$$;
create function test.rung() returns text language sql as $$
    select string_agg(r.key, ' ') from gendurable._rung('slot') as r $$;
create function test.bound() returns bigint language sql as $$ select f.bound from gendurable._limit_floors() as f $$;
create function test.run(session text) returns bigint language sql as $$
    select test.result(test.query(session, 'select gendurable._run(pg_current_xact_id())'))::bigint $$;
select test.moves(3) \g /dev/null

-- A transaction that is open for long, and rings at its end.
select test.exec('a', 'begin') \g /dev/null
select test.run('a') as run \gset
select test.moves(3) \g /dev/null
select cmp_ok(test.bound(), '>', :run::bigint, 'it does not keep the bound');
select test.query('a', $$ select gendurable._ring('{a}') $$) \g /dev/null
select is(test.rung(), null, 'nothing is there while it is open');
select test.exec('a', 'commit') \g /dev/null
select is(test.rung(), 'a', 'what it leaves below the bound is found');
select test.moves(3) \g /dev/null
select is(test.rung(), 'a', 'also once the bound has moved');
delete from gendurable.doorbells;
select test.moves(2) \g /dev/null
select is((select count(*)::int from gendurable._limit_floors() as f where :run = any (f.runs)), 0,
    'and its run is forgotten when it is answered');

-- One that began after the latest trail.
select test.exec('a', 'begin') \g /dev/null
select test.run('a') as run \gset
select test.moves(1) \g /dev/null
select cmp_ok(test.bound(), '<=', :run::bigint, 'the bound does not pass what has only begun');
select test.query('a', $$ select gendurable._ring('{b}') $$), test.exec('a', 'commit') \g /dev/null
select is(test.rung(), 'b', 'so what it leaves is found');
select test.moves(3) \g /dev/null
select is(test.rung(), 'b', 'and listed while it stays');
-- A move in flight that is undone.
select test.exec('c', 'begin'), test.query('c', 'select gendurable._move_limit_trail()'), test.moves(1),
    test.exec('c', 'rollback'), test.moves(2) \g /dev/null
select is(test.rung(), 'b', 'a move that is undone leaves everything as it was');
select * from finish();
