-- A consumption that begins a new inbox × deliveries: the next step is handed every signal that was
-- delivered.
--
-- Race:      A consumption that renews an inbox × delivery
-- Sessions:  A: a commit that consumes 64 signals open, B: signal and batch wait; A undone. The
--            reverse order. B in REPEATABLE READ.
-- Guard:     The number of the inbox stands in the target's row, and is read under the row's lock.
-- Mutations: The number is read before the row is locked → 5 (the step is handed nothing).
\ir prelude.psql
select plan(17);
select test.open('a', 'b');
select gd_register('w') as w \gset

-- An instance that executes, with 64 signals that it is to consume (so many that its inbox is renewed for certain) and
-- one that stays.
create procedure test.signalled(worker bigint)
language plpgsql as $$
begin
    delete from gendurable.instances;
    delete from gendurable.signals;
    perform gd_enqueue('M');
    perform gd_pick(worker, 'default', 1);
    perform gd_signal_many((select jsonb_agg(jsonb_build_object('id', i.id, 'name', 's'))
        from gendurable.instances as i, generate_series(1, 64)));
    commit;
end
$$;
create function test.consuming(worker bigint, kind text) returns text
language sql as $$
    select test.end(worker, 'M', kind,
        jsonb_build_object('step', 't', 'names', '["late"]'::jsonb, 'continue', true, 'consumed',
            (select jsonb_agg(s.id) from gendurable.signals as s)))
$$;
create function test.renewed() returns boolean language sql as $$ select i.inbox > 0 from gendurable.instances as i $$;
create function test.handed(worker bigint) returns text
language sql as $$
    select string_agg((select string_agg(s ->> 'name', ' ') from jsonb_array_elements(p.awaited) as s) || ' of '
        || jsonb_array_length(p.signals), ', ')
    from gd_pick(worker, 'default', 1) as p
$$;

-- A single signal, and a batch, that wait for the park that consumes.
call test.signalled(:w);
select i.id as i from gendurable.instances as i \gset
select test.exec('a', 'begin');
select is(test.results(test.query('a', test.consuming(:w, 'await'))), 'committed',
    'a park that consumes all is in flight');
select test.send('b', format($$ select gd_signal(%s, 'late') $$, :i));
select ok(test.is_blocked('b'), 'a signal waits for it');
select test.exec('a', 'commit');
select is(test.result(test.answer('b')), 'delivered', 'and is delivered');
select ok(test.renewed(), 'to the new inbox');
select is(test.phase(:i) || ', ' || test.handed(:w), 'ready, late of 1', 'where the step that it wakes finds it');

call test.signalled(:w);
select i.id as i from gendurable.instances as i \gset
select test.exec('a', 'begin');
select test.query('a', test.consuming(:w, 'await')) \g /dev/null
select test.send('b', format($$
    select * from gd_signal_many('[{"id": %1$s, "name": "late"}, {"id": %1$s, "name": "later"}]') $$, :i));
select ok(test.is_blocked('b'), 'a batch of signals waits for such a park too');
select test.exec('a', 'commit');
select test.answer('b') \g /dev/null
select ok(test.renewed(), 'an inbox is renewed');
select is(test.phase(:i) || ', ' || test.handed(:w), 'ready, late of 2', 'and has them');

-- The consumption is undone: the old inbox is the one.
call test.signalled(:w);
select i.id as i from gendurable.instances as i \gset
select test.exec('a', 'begin');
select test.query('a', test.consuming(:w, 'await')) \g /dev/null
select test.send('b', format($$ select gd_signal(%s, 'late') $$, :i));
select ok(test.is_blocked('b'), 'a signal waits for a park that will be undone');
select test.exec('a', 'rollback');
select test.answer('b') \g /dev/null
select is(test.renewed() || ' ' || (select count(*) from gd_signals(:i)), 'false 65',
    'it is in the inbox that was there, with all others');
select is(test.results(test.query('a', test.end(:w, 'M', 'next', '{"step": "t"}'))), 'committed', 'the step goes on');
select is(jsonb_array_length((select p.signals from gd_pick(:w, 'default', 1) as p)), 65, 'and is handed them');

-- A delivery in flight × the consumption; then one whose snapshot is older than the new inbox.
call test.signalled(:w);
select i.id as i from gendurable.instances as i \gset
select test.exec('b', 'begin');
select test.query('b', format($$ select gd_signal(%s, 'late') $$, :i)) \g /dev/null
select is(test.results(test.query('a', test.consuming(:w, 'next'))), 'busy',
    'a consumption does not begin beside a delivery');
select test.exec('b', 'commit');
select test.exec('b', 'begin isolation level repeatable read');
select test.query('b', 'select 1') \g /dev/null
select jsonb_array_length(test.query('a', test.consuming(:w, 'next')) -> 0 -> 'signals') as after \gset
select is(:after, 0, 'a step consumes, and runs ahead');
create function test.attempt(query text) returns text
language plpgsql as $$
begin
    perform test.query('b', query);
    perform test.exec('b', 'commit');
    return 'accepted';
exception when others then  -- whatever the reason: what counts is what is left behind
    perform test.exec('b', 'rollback');
    return 'refused';
end
$$;
select test.attempt(format($$ select gd_signal(%s, 'late') $$, :i)) as attempt \gset
select is((select count(*)::int from gd_signals(:i)), case :'attempt' when 'refused' then 0 else 1 end,
    'a signal with an older snapshot is refused, or arrives');
select test.exec('b', 'begin isolation level repeatable read');
select test.query('b', 'select 1') \g /dev/null
select is(test.attempt(format($$ select gd_signal(%s, 'late') $$, :i)), 'accepted', 'with a newer one it is accepted');
select is((select string_agg(s ->> 'name', ' ')
    from jsonb_array_elements(test.query('a',
        test.end(:w, 'M', 'next', '{"step": "u", "continue": true}')) -> 0 -> 'signals') as s), 'late',
    'and handed to the next step');
select * from finish();
