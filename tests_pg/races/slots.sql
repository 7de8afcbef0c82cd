-- A slot that is freed × instances that are held: in every order of the two the slot is offered,
-- and no instance waits beside a free slot.
--
-- Race:      Slot freed × instances just held back (1–9)
-- Sessions:  A: done open, B: pick that holds back. B: pick that held back open, A: done and
--            another pick.
-- Guard:     The doorbell of the pick that holds back.
-- Mutations: `_admit_slots` does not ring → 3, 4 (stranded).
--
-- Race:      Enqueue with a key × end of the holder (10–18)
-- Sessions:  A: enqueue, or a batch, open; B: done, pick; A commits.
-- Guard:     The newcomer's own doorbell; no unique index lies between the two.
-- Mutations: `gd_enqueue` does not ring → 14, 15; `_enqueue` does not → 17 (stranded).
--
-- Race:      Newcomer × a commit that has looked already (19–21)
-- Sessions:  A: done of the holder open; a newcomer; B: pick.
-- Guard:     `_holders_leaving`: a holder whose row is locked keeps the doorbell.
-- Mutations: It is not asked, does not look at xmax, or does not lock the other holders → 20, 21
--            (stranded); its FOR SHARE waits → 19 waits.
--
-- Race:      The holder is gone when the pick asks for it (22–25)
-- Sessions:  B: stopped between its count and `_holders_leaving`; A: done commits.
-- Guard:     The holders are noted before the count.
-- Mutations: Only the present holders are asked for → 24, 25 (stranded).
--
-- Race:      Doorbell × count (26–28)
-- Sessions:  B: pick, stopped after its count; an instance begins to wait.
-- Guard:     Doorbells are noted before the count, and no others are used up.
-- Mutations: They are noted after it → 28 (stranded).
--
-- Race:      A pick that wakes an instance itself × done of the holder (29–32)
-- Sessions:  B: pick that wakes what is due and counts, open; A: done.
-- Guard:     A transaction leaves its own doorbells.
-- Mutations: It uses them up → 31, 32 (stranded).
--
-- Race:      An offer that is taken back × done of the holder (33–36)
-- Sessions:  B: pick that takes an offer back for an instance that waits, open; that instance is
--            cancelled; A: done.
-- Guard:     A key whose offer was taken back keeps a doorbell.
-- Mutations: It keeps none → 35, 36 (stranded).
--
-- Race:      Commit or release of a holder × a pick that has asked for it (37–40)
-- Sessions:  B: pick open, A: done, which is committed. Another transaction has held A's row
--            before.
-- Guard:     `_holders_leaving` locks only rows whose xmax says nothing, and rolls that back.
-- Mutations: The locks are kept → 39 (busy), 40; all rows are locked to find out →
--            _holders_leaving.sql 2.
--
-- Race:      Newcomers × each other, × instances that wait (41–46)
-- Sessions:  A and B: enqueue open, then both commit, and both are born ready. An instance waits
--            already.
-- Guard:     The pick counts again, and rings for those that it refuses; no instance is born ready
--            where one waits.
-- Mutations: `_estimate_free_slots` does not see what executes → 23, 25, 38; it does not see offers
--            → _estimate_free_slots.sql 4, 5, 6; it does not see what is held →
--            _estimate_free_slots.sql 7, 10.
--
-- Race:      Every way of giving a slot up × the next pick (37–40, 47–62)
-- Sessions:  done, stop, retry, await, next with a delay, without a key, with another key,
--            schedule_children: open, then committed.
-- Guard:     `gd_commit` rings for every key that is not kept, if an instance is held for it.
-- Mutations: It does not ring → 40 (stranded), notify_sleeping.sql 25 (asleep).
--
-- Race:      Every way of beginning to wait × end of the holder (63–84)
-- Sessions:  A: signal, deadline, due, join, revival, tokens, release, next with the key, retry,
--            answered await, no children: open; B: done of the holder, which does not see it; A
--            commits.
-- Guard:     The transaction that makes an instance wait rings.
-- Mutations: No ring in `_deliver` → 28; in `_wake_due` → 31, 32; in `_count_down` → 77; in
--            `gd_retry` → 78; in `_offer_tokens` → 79; in `_release` → 80; in `_apply_next` → 81;
--            in `gd_commit` → 40.
--
-- Race:      Offer × a client that holds the waiting row (85–88)
-- Sessions:  A: signal to the held instance open, B: offer.
-- Guard:     SKIP LOCKED; the doorbell stays, in its place.
-- Mutations: It does not stay → 87, 88 (stranded); it is deleted and put back → 86 (each pick
--            leaves a dead row for the next to visit).
--
-- Race:      Two picks that offer, one of them undone (89–92)
-- Sessions:  A: offer open, B: pick; A rolls back.
-- Guard:     The name lock; doorbells are deleted in the same transaction.
-- Mutations: No name lock, or one that waits → B waits, and the file ends after 46.
--
-- Race:      A name that is being decided about × other names (93–94)
-- Sessions:  A: pick that holds a open; B: offer of a, a-b, a:1, b:1.
-- Guard:     A locked name is passed over as a whole, and no other name is.
-- Mutations: The walk ends at the locked name, or goes on behind a: → 93, 94.
--
-- Race:      More keys given up than one call looks at (95)
-- Sessions:  700 keys, three turns of a worker with 700 slots.
-- Guard:     A pick looks at twice its slots.
-- Mutations: Every pick looks at 500 → 95.
\ir prelude.psql
select plan(95);
select test.open('a', 'b');
select gd_register('w', array['p', 'q']) as w, gd_register('v', array['p', 'q']) as v \gset
create function test.stranded() returns text
language sql as $$
    select string_agg(i.fsm, ' ' order by i.id) from gendurable.instances as i
    where i.phase = 'held'
      and not exists (select from gendurable.instances as e
          where e.concurrency_key = i.concurrency_key and e.phase in ('executing', 'ready'))
      and not exists (select from gendurable.doorbells as h where h.kind = 'slot' and h.key = i.concurrency_key)
$$;

-- The slot is being freed while a pick holds back: the pick counts first.
select gd_enqueue('H', queue => 'p', concurrency_key => 'k') \g /dev/null
select test.query('a', test.pick(:w, 'p'));
select gd_enqueue('N', queue => 'p', concurrency_key => 'k') \g /dev/null
select test.query('b', test.pick(:v, 'p'));
update gendurable.instances set phase = 'ready' where fsm = 'N';
select test.exec('a', 'begin');
select test.query('a', test.end(:w, 'H'));
select is(test.names(test.query('b', test.pick(:v, 'p'))), 'nothing',
    'a holder is finishing: the slot is not free yet');
select is(test.phases(), 'H executing, N held', 'the next one is held back meanwhile');
select test.exec('a', 'commit');
select is(test.stranded(), null, 'the one that finished has left word');
select is(test.names(test.query('b', test.pick(:v, 'p'))), 'N', 'and the next pick hands the slot over');
select test.query('b', test.end(:v, 'N'));

-- The other order: the pick is in flight, has counted, and has not made visible that it holds a row back when the slot
-- is freed.
select gd_enqueue('H', queue => 'p', concurrency_key => 'k') \g /dev/null
select test.query('a', test.pick(:w, 'p'));
select gd_enqueue('N', queue => 'p', concurrency_key => 'k') \g /dev/null
select test.query('b', test.pick(:v, 'p'));
update gendurable.instances set phase = 'ready' where fsm = 'N';
select test.exec('b', 'begin');
select is(test.names(test.query('b', test.pick(:v, 'p'))), 'nothing', 'a pick in flight holds a row back');
select test.query('a', test.end(:w, 'H'));
select test.send('a', test.pick(:w, 'p'));
select ok(not test.is_blocked('a'), 'the slot is freed meanwhile, and another pick comes by without waiting');
select is(test.names(test.answer('a')), 'nothing', 'which cannot offer what it does not see');
select test.exec('b', 'commit');
select is(test.stranded(), null, 'and has not used up the word of it');
select is(test.names(test.query('a', test.pick(:w, 'p'))), 'N', 'the next pick hands the slot over');
select test.query('a', test.end(:w, 'N'));

-- The same with the enqueue of a newcomer in a client's open transaction × finish of the holder.
select gd_enqueue('H', queue => 'p', concurrency_key => 'k') \g /dev/null
select test.query('a', test.pick(:w, 'p'));
select test.exec('b', 'begin');
select test.query('b', $$ select * from gd_enqueue('N', queue => 'p', concurrency_key => 'k') $$);
select test.send('a', test.end(:w, 'H'));
select ok(not test.is_blocked('a'), 'a holder finishes without waiting for a newcomer in an open transaction');
select is(test.results(test.answer('a')), 'committed', 'and is committed');
select test.send('a', test.pick(:w, 'p'));
select ok(not test.is_blocked('a'), 'nor does a pick wait for it');
select is(test.names(test.answer('a')), 'nothing', 'or see it');
select test.exec('b', 'commit');
select is(test.stranded(), null, 'the newcomer has left word of itself');
select is(test.names(test.query('a', test.pick(:w, 'p'))), 'N', 'and is picked at once');
select test.query('a', test.end(:w, 'N'));
-- A batch of newcomers.
select gd_enqueue('H', queue => 'p', concurrency_key => 'k') \g /dev/null
select test.query('a', test.pick(:w, 'p'));
select test.exec('b', 'begin');
select test.query('b', $$
    select * from gd_enqueue_many(
        '[{"fsm": "N", "queue": "p", "concurrency_key": "k"}, {"fsm": "O", "queue": "q", "concurrency_key": "k"}]') $$);
select test.query('a', test.end(:w, 'H'));
select is(test.names(test.query('a', test.pick(:w, 'p'))), 'nothing',
    'a batch of newcomers in an open transaction is not seen');
select test.exec('b', 'commit');
select is(test.names(test.query('a', test.pick(:w, 'p'))), 'N', 'and has left word of itself');
select test.query('a', test.end(:w, 'N'));
select is(test.names(test.query('a', test.pick(:w, 'q'))), 'O', 'in every queue');
select test.query('a', test.end(:w, 'O'));

-- A holder is giving its slot up and has looked whether an instance waits, when a newcomer comes, and a pick that looks
-- at the newcomer's key.
select gd_enqueue('H', queue => 'p', concurrency_key => 'k') \g /dev/null
select test.query('a', test.pick(:w, 'p'));
select test.exec('a', 'begin');
select test.query('a', test.end(:w, 'H'));
select gd_enqueue('N', queue => 'p', concurrency_key => 'k') \g /dev/null
select is(test.names(test.query('b', test.pick(:v, 'p'))), 'nothing', 'a newcomer finds the slot taken');
select is((select string_agg(h.key, ' ') from gendurable.doorbells as h where h.kind = 'slot'), 'k',
    'its key stays to be looked at, because the holder may not have seen it');
select test.exec('a', 'commit');
select is(test.names(test.query('b', test.pick(:v, 'p'))), 'N', 'so that the slot is offered');
select test.query('b', test.end(:v, 'N'));

-- The same, and the holder's commit ends after the pick has counted it and before it looks whether it is under way.
select gd_set_concurrency_limit('other', 0) \g /dev/null
select gd_enqueue('H', queue => 'p', concurrency_key => 'k'),
    gd_enqueue('O', queue => 'q', concurrency_key => 'other') \g /dev/null
select gd_drop_concurrency_limit('other') \g /dev/null
select test.query('a', test.pick(:w, 'p'));
delete from gendurable.doorbells where kind <> 'tokens';
update gendurable.instances set phase = 'held' where fsm = 'O';
insert into gendurable.doorbells (kind, key) values ('slot', 'other');
create trigger gate before update on gendurable.instances
    for each row when (new.phase = 'ready') execute function test.gate('b');
select test.exec('a', 'begin');
select test.query('a', test.end(:w, 'H'));
select gd_enqueue('N', queue => 'p', concurrency_key => 'k') \g /dev/null
select pg_advisory_lock(1) \g /dev/null
select test.send('b', test.pick(:v, 'p'));
select ok(test.is_blocked('b'), 'a pick has counted who holds a slot, and stops while it offers another one');
select test.exec('a', 'commit');
select pg_advisory_unlock(1) \g /dev/null
select is(test.names(test.answer('b')), 'nothing', 'the holder it counted is gone meanwhile');
drop trigger gate on gendurable.instances;
select is(test.stranded(), null, 'so it looks at the key again');
select is(test.names(test.query('b', test.pick(:v, 'p'))), 'N', 'and hands the slot over');
select test.query('b', test.end(:v, 'N'));
delete from gendurable.instances;

-- What begins to wait once a pick has counted is for the next one: doorbells are used up before the count.
select gd_enqueue('N', queue => 'p', concurrency_key => 'k'),
    gd_enqueue('O', queue => 'q', concurrency_key => 'other') \g /dev/null
select test.query('a', test.pick(:w, 'p'));
select test.query('a', test.end(:w, 'N', 'await', '{"names": ["x"]}'));
delete from gendurable.doorbells where kind <> 'tokens';
update gendurable.instances set phase = 'held' where fsm = 'O';
insert into gendurable.doorbells (kind, key) values ('slot', 'k'), ('slot', 'other');
create trigger gate before update on gendurable.instances
    for each row when (new.phase = 'ready') execute function test.gate('b');
select pg_advisory_lock(1) \g /dev/null
select test.send('b', test.pick(:v, 'p'));
select ok(test.is_blocked('b'), 'a pick has counted who waits for a key, and stops while it offers another one');
select gd_signal((select i.id from gendurable.instances as i where i.fsm = 'N'), 'x') \g /dev/null
select pg_advisory_unlock(1) \g /dev/null
select is(test.names(test.answer('b')), 'nothing', 'one is woken meanwhile, which it does not see');
drop trigger gate on gendurable.instances;
select is(test.names(test.query('b', test.pick(:v, 'p'))), 'N', 'the next pick does');
select test.query('b', test.end(:v, 'N'));
delete from gendurable.instances;

-- A pick finds the slot taken for one that it has itself woken: the holder of the slot cannot see that one until the
-- pick has committed.
select gd_enqueue('H', queue => 'p', concurrency_key => 'k'),
    gd_enqueue('N', queue => 'p', concurrency_key => 'k', delay => '1 hour') \g /dev/null
select test.query('a', test.pick(:w, 'p'));
update gendurable.instances set eligible_at = now() where fsm = 'N';
select test.exec('b', 'begin');
select is(test.names(test.query('b', test.pick(:v, 'p'))), 'nothing',
    'a pick finds the slot taken for one that has become due');
select is(test.results(test.query('a', test.end(:w, 'H'))), 'committed',
    'the holder finishes, and does not see that it waits');
select test.exec('b', 'commit');
select is(test.stranded(), null, 'but its key is still to be looked at');
select is(test.names(test.query('a', test.pick(:w, 'p'))), 'N', 'so that the slot is offered');
select test.query('a', test.end(:w, 'N'));

-- A pick takes an offer back for one that waits; that one is cancelled, and the holder finishes, before it has
-- committed: the holder sees no instance that waits.
select test.exec('a', 'begin'), test.exec('b', 'begin');
select test.query('a', $$ select id from gd_enqueue('H', queue => 'p', concurrency_key => 'k') $$),
    test.query('b', $$ select id from gd_enqueue('O', queue => 'p', concurrency_key => 'k') $$);
select test.exec('a', 'commit'), test.exec('b', 'commit');
select test.query('a', test.pick(:w, 'p'));
select id as n from gd_enqueue('N', queue => 'p', concurrency_key => 'k') \gset
select test.exec('b', 'begin');
select test.query('b', test.pick(:v, 'q'));
select gd_cancel(:n) \g /dev/null
select is(test.results(test.query('a', test.end(:w, 'H'))), 'committed',
    'a holder finishes while a pick takes an offer back');
select test.exec('b', 'commit');
select is(test.phases(), 'O held', 'whose row waits again, which the holder has not seen');
select is(test.stranded(), null, 'but its key is still to be looked at');
select is(test.names(test.query('b', test.pick(:v, 'p'))), 'O', 'so that the slot is offered');
select test.query('b', test.end(:v, 'O'));

-- A holder that is left in peace is not turned away by a pick that looks at its key; nor if it shows only when it is
-- locked that no worker holds it any more.
select gd_enqueue('H', queue => 'p', concurrency_key => 'k') \g /dev/null
select test.query('a', test.pick(:w, 'p'));
select test.query('b', $$ select i.id from gendurable.instances as i where i.fsm = 'H' for update $$);
select gd_enqueue('N', queue => 'p', concurrency_key => 'k') \g /dev/null
select test.exec('b', 'begin');
select is(test.names(test.query('b', test.pick(:v, 'p'))), 'nothing', 'a pick that has looked at a key');
select is((select count(*)::int from gendurable.doorbells where kind = 'slot'), 1,
    'and is done with it, but not committed');
select is(test.results(test.query('a', test.end(:w, 'H'))), 'committed', 'does not turn the holder''s commit away');
select test.exec('b', 'commit');
select is(test.names(test.query('a', test.pick(:w, 'p'))), 'N', 'which has seen who waits, and has rung');
select test.query('a', test.end(:w, 'N'));

-- Two newcomers who do not see each other are both born ready: one of them is held back, and not forgotten.
select test.exec('a', 'begin'), test.exec('b', 'begin');
select test.query('a', $$ select id from gd_enqueue('H', queue => 'p', concurrency_key => 'k') $$),
    test.query('b', $$ select id from gd_enqueue('N', queue => 'p', concurrency_key => 'k') $$);
select test.exec('a', 'commit'), test.exec('b', 'commit');
select is(test.phases(), 'H ready, N ready', 'two newcomers who do not see each other are both born ready');
select is(test.names(test.query('a', test.pick(:w, 'p', 9))), 'H', 'one of them is picked');
select is(test.phases(), 'H executing, N held', 'the other one is held back');
select test.query('b', test.pick(:v, 'p'));
select test.query('a', test.end(:w, 'H'));
select is(test.names(test.query('b', test.pick(:v, 'p'))), 'N', 'until the slot is free');
select test.query('b', test.end(:v, 'N'));

-- Newcomers of many keys: those that have to be held back do not stand in the way of others.
select test.exec('a', 'begin'), test.exec('b', 'begin');
select test.query(s, $$ select gd_enqueue('M', queue => 'p', concurrency_key => 'k:' || n) is null as m
    from generate_series(1, 20) as n $$) from unnest('{a,b}'::text[]) as s \g /dev/null
select test.exec('a', 'commit'), test.exec('b', 'commit');
select gd_enqueue('Plain', queue => 'p') \g /dev/null
select is(jsonb_array_length(test.query('a', test.pick(:w, 'p', 20))), 20, 'one of each key is picked');
select is(test.names(test.query('b', test.pick(:v, 'p', 1))), 'Plain',
    'and the next pick finds what lies behind the others');
delete from gendurable.instances;
delete from gendurable.doorbells where kind <> 'tokens';

-- Every way in which a slot is given up tells of it, and only when it commits.
create view given_up (nth, kind, more) as
values (1, 'done', '{}'::jsonb), (2, 'stop', '{}'), (3, 'retry', '{"delay_ms": 3600000}'),
    (4, 'await', '{"names": ["x"]}'),
    (5, 'next', '{"step": "two", "delay_ms": 3600000}'),
    (6, 'next', '{"step": "two", "concurrency_key": null, "continue": true}'),
    (7, 'next', '{"step": "two", "concurrency_key": "other", "continue": true}'),
    (8, 'schedule_children', '{"children": [{"fsm": "C", "queue": "r"}]}');
create function test.give_up(worker bigint, kind text, more jsonb) returns text
language plpgsql as $$
declare
    v_before text;
begin
    delete from gendurable.instances;
    delete from gendurable.doorbells as d where d.kind <> 'tokens';
    perform gd_enqueue('H', queue => 'p', concurrency_key => 'k', priority => 1),
        gd_enqueue('N', queue => 'q', concurrency_key => 'k', priority => 2);
    perform gd_pick(worker, 'p', 1);
    perform gd_pick(worker, 'q', 1);
    perform gd_pick(worker, 'q', 1);    -- the key has been looked at, and is quiet
    return test.end(worker, 'H', kind, more);
end
$$;
create procedure test.hand_over(worker bigint, kind text, more jsonb, out before text, out after text)
language plpgsql as $$
declare
    v_commit text;
begin
    v_commit := test.give_up(worker, kind, more);
    commit;
    perform test.exec('a', 'begin');
    perform test.query('a', v_commit);
    before := test.names(test.query('b', test.pick(worker, 'q')));
    perform test.exec('a', 'commit');
    after := test.names(test.query('b', test.pick(worker, 'q')));
end
$$;
create temp table handed (kind text, more jsonb, before text, after text);
do $$
declare
    v_way record;
    v_before text;
    v_after text;
begin
    for v_way in select g.kind, g.more from given_up as g order by g.nth loop
        call test.hand_over(1, v_way.kind, v_way.more, v_before, v_after);
        insert into handed values (v_way.kind, v_way.more, v_before, v_after);
    end loop;
end
$$;
select is(h.before, 'nothing', format('%s %s: not before it commits', h.kind, h.more)) from handed as h;
select is(h.after, 'N', format('%s %s: the slot is offered', h.kind, h.more)) from handed as h;
delete from gendurable.instances;
delete from gendurable.doorbells where kind <> 'tokens';

-- Every way in which an instance begins to wait tells of it. The holder goes meanwhile: it cannot see that one, and one
-- slot or two are free when it can be seen.
create view waiting (nth, way) as
values (1, 'signal'), (2, 'deadline'), (3, 'due'), (4, 'join'), (5, 'revived'), (6, 'tokens'), (7, 'release'),
    (8, 'next with the key'), (9, 'retry'), (10, 'answered await'), (11, 'no children');
select gd_set_rate_limit('tokens', 1000, '1 s') \g /dev/null
create function test.begin_waiting(worker bigint, way text) returns text
language plpgsql as $$
declare
    v_id bigint;
begin
    delete from gendurable.instances;
    perform gd_set_concurrency_limit('k',
        case when way in ('release', 'retry', 'answered await', 'no children') then 2 else 1 end);
    v_id := (gd_enqueue('N', queue => 'q',
        concurrency_key => case way when 'next with the key' then 'other' else 'k' end,
        delay => case way when 'due' then interval '1 hour' end,
                        rate_limit => case way when 'tokens' then 'tokens' end)).id;
    if way not in ('due', 'tokens') then
        perform gd_pick(worker, 'q', 1);
    end if;
    if way in ('signal', 'deadline') then
        execute test.end(worker, 'N', 'await',
            case way when 'deadline' then '{"names": ["x"], "timeout_ms": -1}'::jsonb else '{"names": ["x"]}' end);
    elsif way = 'due' then
        update gendurable.instances set eligible_at = now();
    elsif way = 'tokens' then
        update gendurable.instances set phase = 'throttled';
        perform gendurable._ring(null, '{tokens}');
    elsif way = 'join' then
        execute test.end(worker, 'N', 'schedule_children', '{"children": [{"fsm": "C", "queue": "r"}]}');
        perform gd_pick(worker, 'r', 1);
    elsif way = 'revived' then
        execute test.end(worker, 'N', 'stop');
    elsif way = 'answered await' then
        perform gd_signal(v_id, 'x');
    end if;
    perform gd_enqueue('H', queue => 'p', concurrency_key => 'k');
    if way = 'tokens' then
        -- a pick would give N its tokens
        update gendurable.instances set phase = 'executing', worker_id = worker, claimed_at = now() where fsm = 'H';
    else
        perform gd_pick(worker, 'p', 1);
    end if;
    delete from gendurable.doorbells as d where d.kind <> 'tokens';
    return case way
        when 'signal' then format('select gd_signal(%s, ''x'')', v_id)
        when 'deadline' then 'select gd_expire_awaits()'
        when 'due' then 'select gd_expire_awaits()'
        when 'join' then test.end(worker, 'C')
        when 'revived' then format('select gd_retry(%s)', v_id)
        when 'tokens' then test.pick(worker, 'none')
        when 'release' then format('select gd_release(%s, array[%s])', worker, v_id)
        when 'next with the key' then test.end(worker, 'N', 'next', '{"step": "two", "concurrency_key": "k"}')
        when 'retry' then test.end(worker, 'N', 'retry')
        when 'answered await' then test.end(worker, 'N', 'await', '{"names": ["x"]}')
        when 'no children' then test.end(worker, 'N', 'schedule_children', '{"children": []}') end;
end
$$;
create procedure test.wait(worker bigint, way text, out before text, out after text)
language plpgsql as $$
declare
    v_begin text;
begin
    v_begin := test.begin_waiting(worker, way);
    commit;
    perform test.exec('a', 'begin');
    perform test.query('a', v_begin);
    perform test.query('b', test.end(worker, 'H'));
    before := test.names(test.query('b', test.pick(worker, 'q')));
    perform test.exec('a', 'commit');
    after := test.names(test.query('b', test.pick(worker, 'q')));
end
$$;
create temp table waited (way text, before text, after text);
set plpgsql_check.profiler = off;    -- version 2.3 crashes on this procedure, which commits
do $$
declare
    v_way text;
    v_before text;
    v_after text;
begin
    for v_way in select w.way from waiting as w order by w.nth loop
        call test.wait(1, v_way, v_before, v_after);
        insert into waited values (v_way, v_before, v_after);
    end loop;
end
$$;
select is(w.before, 'nothing', format('%s: not before it commits', w.way)) from waited as w;
select is(w.after, 'N', format('%s: it is found', w.way)) from waited as w;
delete from gendurable.instances;
delete from gendurable.doorbells where kind <> 'tokens';
select gd_drop_concurrency_limit('k') \g /dev/null

-- The row that waits is locked by a client's open transaction: no session waits for it, and the slot is not forgotten.
select gd_enqueue('H', queue => 'p', concurrency_key => 'k') \g /dev/null
select test.query('a', test.pick(:w, 'p'));
select id as n from gd_enqueue('N', queue => 'p', concurrency_key => 'k') \gset
select test.query('a', test.pick(:w, 'p'));
select test.exec('b', 'begin');
select test.query('b', format($$ select gd_signal(%s, 'x') $$, :n));
select test.query('a', test.end(:w, 'H'));
select test.send('a', test.pick(:w, 'p'));
select ok(not test.is_blocked('a'), 'offering does not wait for a client that holds the row');
select test.answer('a');
select coalesce(max(ctid::text), 'none') as bell from gendurable.doorbells where kind = 'slot' \gset
select test.query('a', test.pick(:w, 'p'));
select is((select max(ctid::text) from gendurable.doorbells where kind = 'slot'), :'bell',
    'what is to be looked at again stays where it is, however often');
select test.exec('b', 'commit');
select is(test.stranded(), null, 'nor forgets the slot');
select is(test.names(test.query('a', test.pick(:w, 'p'))), 'N', 'which is offered the slot later');
select test.query('a', test.end(:w, 'N'));

-- Two picks that would offer at once: one does, the other one leaves it alone.
select gd_enqueue('H', queue => 'p', concurrency_key => 'k') \g /dev/null
select test.query('a', test.pick(:w, 'p'));
select gd_enqueue('N', queue => 'p', concurrency_key => 'k') \g /dev/null
select test.query('a', test.end(:w, 'H'));
select test.exec('a', 'begin');
select test.query('a', test.pick(:w, 'r'));
select test.send('b', test.pick(:v, 'p'));
select ok(not test.is_blocked('b'), 'a pick does not wait for an offer in flight');
select is(test.names(test.answer('b')), 'nothing', 'and does not offer itself');
select test.exec('a', 'rollback');
select is(test.stranded(), null, 'one that is undone leaves the word where it was');
select is(test.names(test.query('b', test.pick(:v, 'p'))), 'N', 'for the next one');
select test.query('b', test.end(:v, 'N'));

-- A name whose lock another pick holds is passed over, with all of its keys; the names behind it are not. In the order
-- of the keys: a a-b a:1 b:1.
select gd_enqueue('A', queue => 'p', concurrency_key => 'a') \g /dev/null
select test.exec('a', 'begin');
select test.query('a', test.pick(:w, 'p'));
select gd_enqueue('A2', queue => 'q', concurrency_key => 'a'), gd_enqueue('A3', queue => 'q', concurrency_key => 'a:1'),
    gd_enqueue('B', queue => 'q', concurrency_key => 'a-b'),
       gd_enqueue('C', queue => 'q', concurrency_key => 'b:1') \g /dev/null
update gendurable.instances set phase = 'held' where phase = 'ready' and queue = 'q';
delete from gendurable.doorbells where kind <> 'tokens';
insert into gendurable.doorbells (kind, key) values ('slot', 'a'), ('slot', 'a-b'), ('slot', 'a:1'), ('slot', 'b:1');
select is(test.names(test.query('b', test.pick(:v, 'q', 9))), 'B C',
    'names beside one that is being decided about are offered');
select is((select string_agg(h.key, ' ' order by h.key) from gendurable.doorbells as h where h.kind = 'slot'), 'a a:1',
    'its own keys are left to be looked at');
select test.exec('a', 'commit');
delete from gendurable.instances;
delete from gendurable.doorbells where kind <> 'tokens';

-- A worker of many slots whose keys all have some who wait: the last keys are served as often as the first.
select gd_enqueue_many((select jsonb_agg(jsonb_build_object('fsm', 'M', 'queue', 'p', 'concurrency_key', 'm:' || n))
    from generate_series(1, 700) as n)) from generate_series(1, 3) \g /dev/null
create function test.turn(worker bigint) returns bigint
language plpgsql as $$
declare
    v_outcomes jsonb := (select jsonb_agg(test.outcome(p.id, p.fence, 'done')) from gd_pick(worker, 'p', 700) as p);
begin
    return (select count(*) from gd_commit(worker, v_outcomes) as c where c.result = 'committed');
end
$$;
select test.turn(:w) \g /dev/null
select test.turn(:w) \g /dev/null
select is(test.turn(:w), 700::bigint, 'a slot that was given up is used, however many were');
select * from finish();
