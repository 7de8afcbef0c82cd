-- The limit of a queue: never more instances of it execute than it has places, and a freed place is
-- used.
--
-- Race:      Two picks × the last place (1–10)
-- Sessions:  A: pick open, B: pick; A undone. Six sessions at random:
--            tests_py/test_queue_limits.py.
-- Guard:     A try-lock of the queue's places; the count is a statement of its own, younger than
--            the lock.
-- Mutations: `_places_left` takes no lock → 2; what is claimed is not noted → 4, 8.
--
-- Race:      Change of the limit × pick × running ahead (11–20)
-- Sessions:  A: pick without a limit open, B: set. A: set open, B: pick; A undone. A: continue
--            open, B: set to 0.
-- Guard:     The queue's lock, exclusive; `_enter_queue` judges a limit of 0 like a pause.
-- Mutations: `gd_set_queue_limit` takes a shared lock → 12, 16, 19; a limit of 0 is no pause → 20.
--
-- Race:      A limit that is dropped × a snapshot that does not see what is noted; the notes are
--            lost (21–23)
-- Sessions:  A: REPEATABLE READ; B: pick; A: no limit; B: picks, set again. The notes are deleted.
-- Guard:     Each time a limit is set has an id, and notes of another id are void. Without a note
--            all claims are counted.
-- Mutations: The id is not compared → 14, 22.
--
-- Race:      A freed place × a pick that was turned away (24–28)
-- Sessions:  A: commit open; B: pick, after which its worker goes to sleep. A: pick open, B: pick.
-- Guard:     A pick that the limit or another pick keeps from more, and that says only now that its
--            worker sleeps, notifies the worker once.
-- Mutations: No notification → 25, 27; one each time → 28.
--
-- Race:      A freed place × sleep (29–37)
-- Sessions:  Commit, cancel, release, reap, beside a worker that sleeps. Running ahead. Nothing
--            waits.
-- Guard:     Whatever ends a claim of a queue with a limit notifies, if an instance is ready that
--            the sleeper can run.
-- Mutations: `_announce_places` is left out of `gd_commit` → 29; of `_cancel` → 31; of `_release` →
--            32; running ahead notifies → 33; a notification though nothing waits → 37.
--
-- Race:      Places left × a pick that was turned away (38–41)
-- Sessions:  B sleeps; A: pick that leaves places and instances.
-- Guard:     The pick that held the places notifies.
-- Mutations: It does not → 38.
\ir prelude.psql
select plan(41);
select test.open('a', 'b', 'l');
select test.exec('l', 'listen gendurable');
select gd_register('w', array['q']) as w, gd_register('v', array['q']) as v \gset
create function test.heard() returns text
language plpgsql as $$
declare
    v_heard text[] := '{}';
    v_more  text[];
begin
    perform test.exec('l', 'notify gendurable, ''marker''');
    loop
        select array_agg(n.extra) into v_more from dblink_get_notify('l') as n;
        v_heard := v_heard || v_more;
        exit when 'marker' = any (v_heard);
        perform test.query('l', 'select 1');
    end loop;
    return coalesce((select string_agg(distinct h.queue, ',' order by h.queue)
        from unnest(array_remove(v_heard, 'marker')) as h (queue)), 'nothing');
end
$$;
create procedure test.awake(worker bigint, idle boolean default false)
language plpgsql as $$
begin
    perform gendurable._mark_worker(worker, 'q', idle, false);
    commit;
    perform test.heard();
end
$$;
create procedure test.fresh(n int, max_executing int)
language plpgsql as $$
begin
    delete from gendurable.instances;
    perform gd_set_queue_limit('q', max_executing);
    perform gd_enqueue('M' || m, queue => 'q', priority => m) from generate_series(1, n) as m;
    commit;
end
$$;
create function test.running() returns text
language sql as $$ select coalesce(string_agg(i.fsm, ' ' order by i.fsm), 'none') from gendurable.instances as i
    where i.phase = 'executing' $$;

-- Two picks × the last place.
call test.fresh(3, 1);
select test.exec('a', 'begin');
select is(test.names(test.query('a', test.pick(:w, 'q', 3))), 'M1', 'a pick takes the last place');
select test.send('b', test.pick(:v, 'q', 3));
select ok(not test.is_blocked('b'), 'another one does not wait for it');
select is(test.names(test.answer('b')), 'nothing', 'and gets none');
select test.exec('a', 'commit');
select is(test.names(test.query('b', test.pick(:v, 'q', 3))), 'nothing', 'nor afterwards');
select is(test.running(), 'M1', 'one executes');

-- Two picks × places that one of them leaves.
call test.fresh(4, 2);
select test.exec('a', 'begin');
select is(test.names(test.query('a', test.pick(:w, 'q', 1))), 'M1', 'a pick that leaves a place');
select is(test.names(test.query('b', test.pick(:v, 'q', 3))), 'nothing', 'turns another one away');
select test.exec('a', 'commit');
select is(test.names(test.query('b', test.pick(:v, 'q', 3))), 'M2', 'which gets what is left');
select is(test.names(test.query('a', test.pick(:w, 'q', 3))), 'nothing', 'and no more');
-- A pick that comes to nothing.
call test.fresh(3, 2);
select test.exec('a', 'begin');
select test.query('a', test.pick(:w, 'q', 3));
select test.exec('a', 'rollback');
select is(test.names(test.query('b', test.pick(:v, 'q', 3))), 'M1 M2', 'places of a pick that is undone are free');

-- Limit × pick: what is picked while there is none counts when there is one.
call test.fresh(4, null);
select test.exec('a', 'begin');
select is(test.names(test.query('a', test.pick(:w, 'q', 2))), 'M1 M2', 'a pick is in flight without a limit');
select test.send('b', $$ select gd_set_queue_limit('q', 2) $$);
select ok(test.is_blocked('b'), 'a limit waits for it');
select is(test.names(test.query('l', test.pick(:v, 'q', 3))), 'nothing',
    'another pick neither waits nor hands anything out');
select test.exec('a', 'commit');
select test.answer('b');
select is(test.names(test.query('b', test.pick(:v, 'q', 3))), 'nothing', 'and what it has picked counts');
-- The change is in flight, and undone.
call test.fresh(2, 1);
select test.exec('a', 'begin');
select test.query('a', $$ select gd_set_queue_limit('q', 2) $$);
select test.send('b', test.pick(:v, 'q', 3));
select ok(not test.is_blocked('b'), 'a pick does not wait for a change in an open transaction');
select is(test.names(test.answer('b')), 'nothing', 'and hands nothing out');
select test.exec('a', 'rollback');
select is(test.names(test.query('b', test.pick(:v, 'q', 3))), 'M1', 'a change that is undone was none');
-- Limit of 0 × running ahead.
select test.exec('a', 'begin');
select is(test.results(test.query('a', test.end(:v, 'M1', 'next', '{"step": "two", "continue": true}'))), 'continued',
    'a step runs ahead');
select test.send('b', $$ select gd_set_queue_limit('q', 0) $$);
select ok(test.is_blocked('b'), 'a stop waits for it');
select test.exec('a', 'commit');
select test.answer('b');
select is(test.results(test.query('a', test.end(:v, 'M1', 'next', '{"step": "three", "continue": true}'))), 'committed',
    'the next step does not');

-- A limit that is taken back in a transaction that cannot see what was noted, and set again.
call test.fresh(6, 3);
select test.exec('a', 'begin isolation level repeatable read');
select test.query('a', 'select 1');
select test.query('b', test.pick(:w, 'q', 1));
select test.query('a', $$ select gd_set_queue_limit('q', null) $$);
select test.exec('a', 'commit');
select is(test.names(test.query('b', test.pick(:w, 'q', 3))), 'M2 M3 M4', 'no limit');
select gd_set_queue_limit('q', 3) \g /dev/null
select test.query('b', test.end(:w, 'M1'));
select is(test.names(test.query('b', test.pick(:v, 'q', 3))), 'nothing', 'what was picked in between counts');
-- What is noted is lost in a crash.
delete from gendurable.holders;
select is(test.names(test.query('b', test.pick(:v, 'q', 3))), 'nothing', 'and what was noted may be lost');

-- Freed place × a pick that is turned away because its end is not visible yet: no other session knows that its worker
-- is about to sleep.
call test.fresh(3, 1);
select test.query('a', test.pick(:w, 'q', 1));
call test.awake(:v);
select test.exec('a', 'begin');
select test.query('a', test.end(:w, 'M1'));
select is(test.names(test.query('b', test.pick(:v, 'q', 3))), 'nothing',
    'a pick comes while the only place is being given up');
select is(test.heard(), 'q', 'and is called again at once');
select test.exec('a', 'commit');
select is(test.names(test.query('b', test.pick(:v, 'q', 1))), 'M2', 'to find it free');
-- Turned away by another pick.
call test.fresh(3, 2);
call test.awake(:v);
select test.exec('a', 'begin');
select test.query('a', test.pick(:w, 'q', 1));
select test.query('b', test.pick(:v, 'q', 1));
select is(test.heard(), 'q', 'so is one that is turned away by another pick');
select test.query('b', test.pick(:v, 'q', 1));
select is(test.heard(), 'nothing', 'once: a commit that ends one knows of it now');
select test.exec('a', 'commit');

-- A place that is given up wakes a worker that sleeps.
call test.fresh(9, 1);
select test.query('a', test.pick(:w, 'q', 1));
call test.awake(:v, true);
select test.query('a', test.end(:w, 'M1'));
select is(test.heard(), 'q', 'by a commit');
select test.query('a', test.pick(:w, 'q', 1));
select is(test.running(), 'M2', 'the next one');
call test.awake(:v, true);
select gd_cancel(i.id) from gendurable.instances as i where i.fsm = 'M2' \g /dev/null
select is(test.heard(), 'q', 'by a cancellation');
select test.query('a', test.pick(:w, 'q', 1));
-- (Of the instance that is released itself all workers are told that can run it.)
select gd_register('d', array['q'], info => '{"machines": [{"fsm": "M9", "version": 1}]}') as d \gset
call test.awake(:v);
call test.awake(:d, true);
select test.query('a', format('select gd_release(%s, array[%s])', :w,
    (select i.id from gendurable.instances as i where i.fsm = 'M3')));
select is(test.heard(), 'q', 'by a release');
call test.awake(:d);
select test.query('a', test.pick(:w, 'q', 1));
call test.awake(:v, true);
select test.query('a', test.end(:w, 'M3', 'next', '{"step": "two", "continue": true}'));
select is(test.heard(), 'nothing', 'not by a step that runs ahead');
select test.exec('a', 'begin');
select test.query('a', format('select gd_reap(%s)', :w));
select is(test.names(test.query('b', test.pick(:v, 'q', 1))), 'nothing',
    'while a claim is being reaped it has its place');
select test.exec('a', 'commit');
select is(test.heard(), 'q', 'then it has not');
select is(test.names(test.query('b', test.pick(:v, 'q', 1))), 'M3', 'and the place is free');
-- Nothing waits: no worker is told.
select gd_register('w', array['q']) as w \gset
delete from gendurable.instances where fsm <> 'M3';
call test.awake(:w, true);
select test.query('a', test.end(:v, 'M3'));
select is(test.heard(), 'nothing', 'where nothing waits for a place no worker is told');

-- Who leaves places and ready instances tells those that sleep: they may have been turned away.
call test.fresh(3, 3);
call test.awake(:w);
call test.awake(:v, true);
select test.query('a', test.pick(:w, 'q', 1));
select is(test.heard(), 'q', 'a pick that leaves places and instances tells others');
select test.query('a', test.pick(:w, 'q', 2));
select is(test.heard(), 'nothing', 'one that leaves none does not');
select is(test.running(), 'M1 M2 M3', 'all places are used');

-- Who notes where nothing waits for a moment holds a lock of its own.
call test.fresh(1, 1);
call test.awake(:w);
select test.exec('a', 'begin');
select test.query('a', $$ select gendurable._move_waits('q')::text as done $$);
select is(test.names(test.query('b', test.pick(:w, 'q', 1))), 'M1',
    'the notes of what waits keep no pick from the places of the queue');
select test.exec('a', 'rollback');
select * from finish();
