-- Trails: in whatever order instances are written and trails are moved, each ready instance is
-- where a pick looks.
--
-- Race:      A writer × a trail that it does not see yet (8–13)
-- Sessions:  A: moves a trail, open; B: writes above the old cap and below the new one; A commits;
--            more trails.
-- Guard:     A cap is sealed for one trail before a floor rises to it.
-- Mutations: The floor rises to the cap → 2, 3, 8, 10.
--
-- Race:      A writer that idles × trails (14–26)
-- Sessions:  A: writes, open; trails pass its place; A ends; a pick, or a trail and then a pick.
-- Guard:     The mover asks for open transactions before it looks; a gap is read once one of its
--            transactions has ended.
-- Mutations: No gap is noted → 15, 16, 18, 21; gaps of pending transactions are not read → 18, 25;
--            the next mover does not look at them again → 21, 22; a gap is dropped with its first
--            transaction → 26.
--
-- Race:      An old snapshot × trails (27–29)
-- Sessions:  A: REPEATABLE READ, snapshot; trails; A: writes below and above the fence.
-- Guard:     The fence is a sequence, which no snapshot hides; below it a writer that cannot know
--            the cap takes its run.
-- Mutations: The cap of the old snapshot is taken for the current one → 27, 29 (lost).
--
-- Race:      An id without a write × trails (30–33)
-- Sessions:  A: has an id and has written nothing; the bound passes its run; A: writes below the
--            cap, rolls a part back, commits.
-- Guard:     Transactions that the bound passes are noted as pending.
-- Mutations: None is noted → 30, 32, 33; their runs are not read → 32, 33; they are forgotten when
--            they end → 33.
--
-- Race:      A pick that rolls back × trails (34–36)
-- Sessions:  A: pick open; trails; A rolls back.
-- Guard:     A floor stops at the first visible instance, whatever holds it.
-- Mutations: The mover does not look → 12, 13, 35, 41.
--
-- Race:      Mover × mover, in one transaction, rolled back (37–43)
-- Sessions:  A: pick, two trails, ROLLBACK TO; B: trail. A: two trails open; B: writes, open; A
--            commits; trails. A: trail open, B: trail.
-- Guard:     A try-lock; no trail follows one that is not committed; claims and trail are undone
--            together.
-- Mutations: A mover follows its own trail → 41 (lost); it waits for the lock → 42.
--
-- Race:      A restored trail × pick and mover (44–47)
-- Sessions:  A trail whose row another transaction id wrote; pick; mover.
-- Guard:     The row's `xmin`.
-- Mutations: The trail is read → 44, 46; its number is not counted → 45 (23505 in a pick).
--
-- Race:      A crash × pick (48–49)
-- Sessions:  The trails are emptied, the lanes are as they were; pick.
-- Guard:     Without a trail a pick begins at the beginning.
-- Mutations: Without a trail a pick reads no place → 44, 46, 48, 51.
--
-- Race:      An old transaction that hands out an offer × trails (50–51)
-- Sessions:  A: has an id; an instance is enqueued; A makes it ready.
-- Guard:     An instance stands in a run where its place is later than the beginning of its
--            transaction.
-- Mutations: It stands in the line → 50.
--
-- Race:      A pick of several places × rows that another session holds (52–53)
-- Sessions:  A: holds two of the first rows; B: pick.
-- Guard:     What could not be locked is remembered from round to round.
-- Mutations: It is forgotten → 52, 53.
\ir prelude.psql
select plan(53);
select test.open('a', 'b');
select gd_register('w', '{q}', '1 day') as w \gset

-- Trails move here only when the test says so.
alter function gendurable._move_trails(bigint[], int[]) rename to _move_trails_now;
create function gendurable._move_trails(p_ids bigint[], p_kinds int[] default null) returns void
    language sql return null::void;

-- Nor do transactions of other databases, which other tests may have open, leave gaps here.
alter function gendurable._open_transactions() rename to _all_open_transactions;
create function gendurable._open_transactions(out xids xid8[], out next xid8) language sql stable as $$
    select array(select x from unnest(o.xids) as x
                 where x::xid not in (select b.backend_xid from pg_stat_activity as b
                     where b.backend_xid is not null and b.datname <> current_database())), o.next
    from gendurable._all_open_transactions() as o
$$;

create function test.at(minute int) returns timestamptz
language sql immutable return timestamptz '2026-01-01 00:00Z' + minute * interval '1 minute';
create function test.put(minute int, priority int default 0) returns text
language sql as $$ select format(
    'select id from gd_enqueue(''A'', jsonb_build_object(''at'', %s), queue => ''q'', eligible_at => %L, priority => '
    '%s)', minute, test.at(minute), priority) $$;
comment on function test.put is 'An enqueue as SQL text; the instance is known by its minute.';
create function test.take(worker bigint, slots int default 1) returns text
language sql as $$ select format('select state ->> ''at'' as fsm from gd_pick(%s, ''q'', %s)', worker, slots) $$;
create function test.move(minute int) returns text
language sql as $$ select format(
    'select gendurable._move_trails_now(array(select id from gendurable.instances where (state ->> ''at'')::int = %s))',
    minute) $$;
comment on function test.move is 'SQL text that moves the trail behind an instance.';
-- One is enqueued, claimed, and the trail moved behind it.
create procedure test.advance(worker bigint, variadic minutes int[])
language plpgsql as $$
declare
    v_minute int;
begin
    foreach v_minute in array minutes loop
        execute test.put(v_minute);
        commit;
        update gendurable.instances set phase = 'executing', worker_id = worker where (state ->> 'at')::int = v_minute;
        commit;
        execute test.move(v_minute);
        commit;
    end loop;
end
$$;
create function test.minute(at timestamptz) returns text
language sql as $$ select case when at = '-infinity' then '-'
    else round(extract(epoch from at - test.at(0)) / 60)::text end $$;
create function test.line() returns text
language sql as $$
    select format('floor %s sealed %s cap %s', test.minute(l.floor_at), test.minute(l.sealed_at), test.minute(l.cap_at))
    from (select t.* from gendurable.trails as t order by t.seq desc limit 1) as t cross
        join lateral unnest(t.lines) as l
    where l.priority = 0
$$;
-- (Transactions of other databases are open as well, and may be pending in the same gaps or others.)
create function test.gaps() returns text
language sql as $$
    select coalesce(string_agg(format('..%s %s%s', g.until, g.pending,
        case when g.occupied then ' occupied' else '' end), ', ' order by g.until), 'none')
    from (select max(test.minute(g.until_at)) as until, cardinality(m.pending) as pending, g.occupied
          from (select t.* from gendurable.trails as t order by t.seq desc limit 1) as t
          cross join lateral unnest(t.gaps) as g
          cross join lateral (select array(select x from unnest(g.pending) as x
                                           where x::xid in (select a.backend_xid from pg_stat_activity as a
                                                            where a.datname = current_database()
                                                                and a.application_name in ('a', 'b'))) as pending) as m
          where g.occupied or m.pending <> '{}'
          group by m.pending, g.occupied) as g
$$;
comment on function test.gaps is 'The gaps that are occupied, or of transactions of a and b: until where, of how many.';
create function test.stands(minute int) returns text
language sql as $$ select case when i.lane & ((1::bigint << 40) - 1) = 0 then 'line' else 'run' end
    from gendurable.instances as i where (i.state ->> 'at')::int = minute $$;
create procedure test.clear()
language plpgsql as $$
begin
    truncate gendurable.instances, gendurable.trails;
    perform setval('gendurable.fence', 0);
end
$$;

-- The line: a cap is published, sealed by the next trail, and only the third one raises the floor to it.
call test.advance(:w, 10);
select is(test.line(), 'floor - sealed - cap 10', 'the first trail has a cap');
call test.advance(:w, 20);
select is(test.line(), 'floor - sealed 10 cap 20', 'the next one seals it');
call test.advance(:w, 30);
select is(test.line(), 'floor 10 sealed 20 cap 30', 'and the third one has its floor there');
select is(test.gaps(), 'none', 'where no transaction is open there is no gap');
select test.query('a', test.put(25));
select is(test.stands(25), 'run', 'what comes below the cap stands in a run');
select test.query('a', test.put(35));
select is(test.stands(35), 'line', 'what comes above it stands in the line');
select is(test.names(test.query('a', test.take(:w, 3))), '25 35', 'and both are picked, in their order');

-- A writer x the trail that it does not see yet: it begins after that trail was given its id, and reads the cap before.
-- (Fails if gendurable._move_lines raises the floor to the cap instead of what is sealed.)
call test.clear();
call test.advance(:w, 10);
select test.exec('b', 'begin');
select test.query('b', test.put(20));
select test.exec('b', 'commit');
select test.exec('b', 'begin');
select test.query('b', test.take(:w));
select test.query('b', test.move(20));
select test.exec('a', 'begin');
select test.query('a', test.put(15));
select test.exec('b', 'commit');
select is(test.line(), 'floor - sealed 10 cap 20', 'the cap has passed the writer''s place');
select is(test.names(test.query('b', test.take(:w))), 'nothing', 'which is not seen yet');
call test.advance(:w, 30);
select is(test.line(), 'floor 10 sealed 20 cap 30', 'the floor has not');
select test.exec('a', 'commit');
select is(test.stands(15), 'line', 'it stands in the line');
call test.advance(:w, 40);
select is(test.line(), 'floor 15 sealed 30 cap 40', 'a floor rises to what it finds');
select is(test.names(test.query('b', test.take(:w))), '15', 'and it is picked');

-- A writer that idles: the floor passes over it and leaves a gap, which is read as soon as the writer has ended.
-- (Fails if gendurable._move_lines notes no gap; if gendurable._odd_places leaves out the gaps of pending
-- transactions.)
call test.clear();
call test.advance(:w, 10);
select test.exec('a', 'begin');
select test.query('a', test.put(15));
call test.advance(:w, 20, 30, 40);
select is(test.line(), 'floor 20 sealed 30 cap 40', 'the floor has passed it');
select is(test.gaps(), '..20 1', 'and left a gap');
call test.advance(:w, 50);
select is(test.gaps(), '..30 1', 'which grows as long as it is the same transaction''s');
select is(test.names(test.query('b', test.take(:w))), 'nothing', 'while it is open there is nothing in it');
select test.exec('a', 'commit');
select is(test.names(test.query('b', test.take(:w))), '15', 'once it has ended, its instance is picked');
select test.query('b', test.put(60));
call test.advance(:w, 61);
select is(test.gaps(), 'none', 'and the gap is closed by the next trail');
select is(test.names(test.query('b', test.take(:w))), '60', 'the line goes on');

-- The same, but a trail moves between the end of the writer and the pick.
-- (Fails if gendurable._move_gaps does not look at gaps whose transactions have ended.)
call test.clear();
call test.advance(:w, 10);
select test.exec('a', 'begin');
select test.query('a', test.put(15));
select test.query('a', test.put(16));
call test.advance(:w, 20, 30, 40);
select test.exec('a', 'commit');
call test.advance(:w, 50, 60);
select is(test.gaps(), '..20 0 occupied', 'a gap with instances stays');
select is(test.names(test.query('b', test.take(:w, 2))), '15 16', 'and is read');

-- Rolled back, a writer leaves nothing.
call test.clear();
call test.advance(:w, 10);
select test.exec('a', 'begin');
select test.query('a', test.put(15));
call test.advance(:w, 20, 30, 40);
select test.exec('a', 'rollback');
call test.advance(:w, 50);
select is(test.gaps(), 'none', 'a writer that was rolled back leaves no gap');

-- Several writers, of which the second one begins later, and an enqueue that is undone in between.
-- (Fails if a gap is dropped when the first of its transactions ends.)
call test.clear();
call test.advance(:w, 10);
select test.exec('a', 'begin');
select test.exec('a', 'savepoint s');
select test.query('a', test.put(14));
select test.exec('a', 'rollback to s');
select test.query('a', test.put(15));
select test.exec('b', 'begin');
select test.query('b', test.put(17));
call test.advance(:w, 20, 30, 40);
select is(test.gaps(), '..20 2', 'a gap of two transactions');
select test.exec('a', 'commit');
select is(test.names(test.query('a', test.take(:w, 2))), '15', 'the first one''s instance');
call test.advance(:w, 50);
select test.exec('b', 'commit');
select is(test.names(test.query('a', test.take(:w, 2))), '17', 'the second one''s');

-- A transaction with an old snapshot sees old caps, but not an old fence.
-- (Fails if gendurable._enter_ready says of it that it is current.)
call test.clear();
select test.exec('a', 'begin isolation level repeatable read');
select test.query('a', 'select 1');
call test.advance(:w, 10, 20, 30, 40);
select test.query('a', test.put(15));
select test.query('a', test.put(45));
select test.exec('a', 'commit');
select is(test.stands(15), 'run', 'it goes to a run where its place may be below a cap');
select is(test.stands(45), 'line', 'and to the line above the fence');
select is(test.names(test.query('b', test.take(:w, 2))), '15 45', 'both are picked');

-- A writer that idles and then writes below the cap: the bound has passed its run.
-- (Fails if gendurable._move_runs notes no pending transaction; if gendurable._odd_places leaves out their runs.)
call test.clear();
select test.exec('a', 'begin');
select test.query('a', 'select pg_current_xact_id()');
call test.advance(:w, 10, 20);
create procedure test.burn()
language plpgsql as $$ begin for v_n in 1 .. 40 loop perform pg_current_xact_id(); commit; end loop; end $$;
comment on procedure test.burn() is 'Some ids, so that runs end.';
call test.burn();
call test.advance(:w, 30, 40);
select cmp_ok((select bound from gendurable.trails order by seq desc limit 1), '>',
    (select min(gendurable._run(x)) from gendurable.trails as t, unnest(t.pending) as x),
    'the bound has passed the run of an idle transaction');
select test.query('a', test.put(15));
select test.exec('a', 'savepoint s');
select test.query('a', test.put(16));
select test.exec('a', 'rollback to s');
select test.query('a', test.put(17));
select test.exec('a', 'commit');
select is(test.stands(15), 'run', 'it writes into it');
select is(test.names(test.query('b', test.take(:w, 1))), '15', 'which is read once it has ended');
-- (Fails if gendurable._move_runs forgets the runs of pending transactions that have ended.)
call test.advance(:w, 50, 60);
select is(test.names(test.query('b', test.take(:w, 2))), '17', 'and by later trails');

-- A claim that is rolled back, below what would be the new floor.
-- (Fails if gendurable._move_lines raises the floor without a look.)
call test.clear();
call test.advance(:w, 10);
select test.query('a', test.put(15));
select test.exec('a', 'begin');
select is(test.names(test.query('a', test.take(:w))), '15', 'a pick is not committed yet');
call test.advance(:w, 20, 30, 40);
select is(test.line(), 'floor 15 sealed 30 cap 40', 'the floor waits for it');
select test.exec('a', 'rollback');
select is(test.names(test.query('a', test.take(:w))), '15', 'and what it gives back is found');

-- The mover itself is rolled back, in part or whole: its claims and its trail go together, and the lock is free.
-- (Fails if gendurable._move_trail goes on from a trail of its own: see the next case.)
call test.clear();
call test.advance(:w, 10, 20);
select test.query('a', test.put(30));
select test.exec('a', 'begin');
select test.exec('a', 'savepoint s');
select test.query('a', test.take(:w));
select test.query('a', test.move(30));
select test.query('a', test.move(30));
select test.exec('a', 'rollback to s');
select is(test.line(), 'floor - sealed 10 cap 20', 'what it wrote is undone');
call test.advance(:w, 40);
select is(test.line(), 'floor 10 sealed 20 cap 40', 'another one moves the trail, while its transaction goes on');
select test.exec('a', 'commit');
select is(test.names(test.query('b', test.take(:w))), '30', 'and its claim is found again');

-- Two trails in one transaction: what begins beside it sees neither.
-- (Fails if gendurable._move_trail goes on from a trail of its own transaction.)
call test.clear();
call test.advance(:w, 10);
select test.query('b', test.put(20));
select test.query('b', test.put(30));
select test.exec('b', 'begin');
select test.query('b', test.take(:w, 2));
select test.query('b', test.move(20));
select test.query('b', test.move(30));
select test.exec('a', 'begin');
select test.query('a', test.put(15));
select test.send('b', test.move(30));
select ok(not test.is_blocked('b'), 'moving never waits');
select test.answer('b');
select test.exec('b', 'commit');
call test.advance(:w, 40);
select test.exec('a', 'commit');
call test.advance(:w, 50, 60);
select is(test.names(test.query('b', test.take(:w))), '15',
    'the instance of one that began beside two trails of one transaction is found');

-- Two movers: the second one does not wait and does nothing.
-- (Fails if gendurable._move_trail waits for the lock.)
call test.clear();
call test.advance(:w, 10, 20);
select test.exec('a', 'begin');
select test.query('a', test.move(20));
select test.send('b', test.move(20));
select ok(not test.is_blocked('b'), 'a second mover does not wait');
select test.answer('b');
select test.exec('a', 'commit');
select is((select max(seq) from gendurable.trails), 3::bigint, 'and adds no trail beside the first one''s');

-- A trail from elsewhere (a restored dump): its xid is not that of the row, so it is void; the next one takes its
-- place.
-- (Fails if gendurable._places reads it; if gendurable._move_trail goes on counting without it, at the first number
-- that is taken.)
call test.clear();
call test.advance(:w, 10, 20, 30, 40);
update gendurable.trails set seq = 3, bound = 1000000 where seq = 4;
select test.query('a', test.put(5));
update gendurable.instances set lane = (lane >> 40) << 40 where (state ->> 'at')::int = 5;
select is(test.names(test.query('b', test.take(:w))), '5', 'what stands below the floor of a void trail is found');
call test.advance(:w, 50);
select is(test.line(), 'floor - sealed - cap 50', 'the next trail begins anew');
call test.advance(:w, 60, 70, 80);
select is(test.line(), 'floor 60 sealed 70 cap 80', 'and goes on');
select is((select count(*) from gendurable.trails), 1::bigint, 'one row in all');

-- A crash leaves the trails empty, and the lanes as they were.
-- (Fails if gendurable._places needs a trail.)
call test.clear();
call test.advance(:w, 10, 20, 30, 40);
select test.query('a', test.put(35));
select test.query('a', test.put(45));
truncate gendurable.trails;
select is(test.names(test.query('b', test.take(:w, 2))), '35 45', 'without a trail everything is found');
call test.advance(:w, 50);
select is(test.line(), 'floor - sealed - cap 50', 'and a new one begins');

-- An old transaction that hands out a slot: the instance was enqueued after it had begun.
-- (Fails if gendurable._lane lets it stand in the line, where later than the beginning of its transaction nothing is
-- expected.)
call test.clear();
select test.exec('a', 'begin');
select test.query('a', 'select pg_current_xact_id()');
select gd_enqueue('A', '{"at": 1}', queue => 'q', rate_limit => 'r') \g /dev/null
select gd_set_rate_limit('r', 1, '1 s', 1) \g /dev/null
select test.query('a', 'select gendurable._move_offers(array_agg(id), null) from gendurable.instances');
select test.exec('a', 'commit');
select is(test.stands(1), 'run',
    'an instance that is younger than the transaction that makes it ready stands in a run');
select is(test.names(test.query('b', test.take(:w))), '1', 'and is picked');

-- A pick of several places goes on where it left off, and keeps what it has.
-- (Fails if gendurable._candidates forgets what it had locked when one place is left.)
call test.clear();
call test.advance(:w, 40);
select test.query('b', test.put(30, -1));
select test.query('b', test.put(m)) from generate_series(50, 59) as m;
select test.exec('a', 'begin');
select test.query('a', 'select id from gendurable.instances where (state ->> ''at'')::int in (51, 52) for no key '
    'update');
select is(test.names(test.query('b', test.take(:w, 4))), '30 50 53 54',
    'beside locked instances it takes the next ones');
select test.exec('a', 'commit');
select is(test.names(test.query('b', test.take(:w, 4))), '51 52 55 56', 'and then those');
select * from finish();
