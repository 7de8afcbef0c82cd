-- Where the look for buckets that are due begins × transactions that write some: none that is due
-- is passed over.
-- The writer here writes the earliest moment that it may, the cap that it has seen, as if its clock
-- were set back.
--
-- Race:      Floors of buckets × transactions that write some
-- Sessions:  A: writer open, B: moves the floors; A writes the earliest moment that it may,
--            commits, or is undone. The same beside a move in flight.
-- Guard:     The cap of the trail before the latest; pending transactions.
-- Mutations: Floors rise to the newest cap → 2, 3; nothing is noted as pending → 6, 7; what is
--            pending is not looked at once it has ended → 6 (by a look), 7 (by a move); a writer
--            has no id when it looks → 1, 5.
\ir prelude.psql
select plan(11);
select test.open('a', 'b');

create function test.announced() returns boolean language sql as $$
    select a.tokens from gendurable._announced(clock_timestamp()) as a $$;
create function test.floor() returns timestamptz language sql as $$
    select f.due from gendurable._limit_floors() as f $$;
create function test.moves(times int) returns void language plpgsql as $$
begin
    for v_n in 1 .. times loop
        perform test.query('b', 'select gendurable._move_limit_trail()');
    end loop;
end
$$;
create function test.look() returns timestamptz language plpgsql as $$
begin
    perform gendurable._lock_name('tokens', 'k');
    perform gendurable._due_cap();
    return (select t.cap from gendurable.limit_trails as t order by t.seq desc limit 1);
end
$$;
select test.moves(4) \g /dev/null

-- A move is in flight when the writer looks; the next one is done when it writes.
select test.exec('b', 'begin'), test.moves(1), test.exec('a', 'begin') \g /dev/null
select test.result(test.query('a', 'select test.look()')) as seen \gset
select isnt(test.result(test.query('a', 'select pg_current_xact_id_if_assigned()')), null,
    'a writer has its id before it looks');
select test.exec('b', 'commit'), test.moves(1) \g /dev/null
select test.query('a', format($$
    insert into gendurable.buckets (key, tokens, refilled_at, due_at) values ('k', 0, now(), %L) returning key $$,
    :'seen')), test.exec('a', 'commit') \g /dev/null
select ok(test.announced(), 'floors rise no further than to a cap that all writers have seen');
select test.moves(3) \g /dev/null
select ok(test.announced(), 'and not over what is due');
delete from gendurable.buckets;
select test.moves(3) \g /dev/null
select cmp_ok(test.floor(), '>', :'seen', 'until it is gone');

-- The writer stays open while the floors rise.
select test.exec('a', 'begin') \g /dev/null
select test.result(test.query('a', 'select test.look()')) as seen \gset
select test.moves(5) \g /dev/null
select cmp_ok(test.floor(), '>', :'seen', 'a transaction that is open for long does not stop the floors');
select test.query('a', format($$
    insert into gendurable.buckets (key, tokens, refilled_at, due_at) values ('k', 0, now(), %L) returning key $$,
    :'seen')), test.exec('a', 'commit') \g /dev/null
select ok(test.announced(), 'what it leaves below them is found');
select test.moves(3) \g /dev/null
select ok(test.announced(), 'also once they have been moved');
delete from gendurable.buckets;

-- The writer is undone.
select test.exec('a', 'begin') \g /dev/null
select test.result(test.query('a', 'select pg_current_xact_id() from test.look()')) as xid \gset
select test.moves(3), test.exec('a', 'rollback'), test.moves(3) \g /dev/null
select is((select count(*)::int from gendurable.limit_trails as t cross join unnest(t.pending) as p
    where p.xid = :'xid'::xid8), 0, 'one that was undone is forgotten');
select cmp_ok(test.floor(), '>', :'seen', 'and the floors are where they were');

-- Others that are open.
select test.exec('a', 'begin') \g /dev/null
select test.result(test.query('a', 'select pg_current_xact_id()')) as xid \gset
select test.moves(3) \g /dev/null
select is((select count(*)::int from gendurable.limit_trails as t cross join unnest(t.pending) as p
    where p.xid = :'xid'::xid8), 0, 'a transaction that holds no name has seen no cap');
select test.query('a', 'select test.look()') \g /dev/null
select test.moves(2), test.exec('a', 'commit') \g /dev/null
select is((select f.moves from gendurable._limit_floors() as f), true, 'one that looks later is noted');
select * from finish();
