-- A commit that is too late is stale and has no side effect of any kind.
--
-- Race:      Stale commits of every kind: done, stop, next, retry, await, schedule_children
-- Sessions:  They come after and beside the reaper, another worker's pick, its commit, and the end;
--            the whole database is compared.
-- Guard:     Fence and worker.
-- Mutations: The fence is not checked → 9, 11, 13, 19; the worker is not checked → 1, 2; nor is
--            whether the worker was forgotten → 17, 18, 19.
\ir prelude.psql
select plan(22);
select test.open('a', 'b');
select gd_register('dead', array['q']) as w \gset
select gd_register('alive', array['q']) as v \gset

-- An instance with a key, a signal it was handed and a signal it was not, claimed by a worker that dies.
select id as i from gd_enqueue('M', queue => 'q', correlation_key => 'k') \gset
select fence as f from gd_pick(:w, 'q', 1) \gset
select gd_commit(:w, jsonb_build_array(test.outcome(:i, :f, 'await', '{"names": ["paid"]}'))) \g /dev/null
select gd_signal(:i, 'paid', dedup_key => 'd') \g /dev/null
select fence as f, awaited -> 0 ->> 'id' as s from gd_pick(:w, 'q', 1) \gset
select gd_signal(:i, 'other') \g /dev/null

-- Every kind of outcome, in a batch of its own and with the signal it was handed.
create view late (kind, outcome) as
values ('done', '{"result": {"late": true}}'::jsonb), ('stop', '{"error": {"late": true}}'),
    ('next', '{"step": "late", "state": {"late": true}, "priority": 9}'),
    ('next', '{"step": "late", "state": {"late": true}, "continue": true}'),
    ('retry', '{"state": {"late": true}, "delay_ms": 1}'),
    ('await', '{"names": ["other"], "step": "late", "timeout_ms": -1}'),
    ('await', '{"names": ["paid"]}'),
    ('schedule_children', '{"step": "late", "children": [{"fsm": "Late"}, {"fsm": "Late", "correlation_key": '
        '"late"}]}'),
    ('schedule_children', '{"step": "late", "children": []}');
create function test.late(worker bigint, id bigint, fence bigint, consumed bigint) returns text
language sql as $$
    select string_agg(distinct test.results(test.query('b', test.commit(worker,
        test.outcome(id, fence, l.kind, l.outcome || jsonb_build_object('consumed', jsonb_build_array(consumed)))))),
        ' ')
    from late as l
$$;

-- Reaped, and not yet picked again.
select gd_reap(:w) \g /dev/null
select test.world() as world \gset
select is(test.late(:w, :i, :f, :s), 'stale', 'after the reaper, every kind of outcome is stale');
select is(test.world(), :'world'::jsonb, 'no signal is consumed, no key freed, no row written');

-- Reaped while the late commit is already on its way, held up by the reaper itself.
select gd_register('dead', array['q']) as w \gset
select fence as f from gd_pick(:w, 'q', 1) \gset
select test.world() as world \gset
select test.exec('a', 'begin');
select test.query('a', format('select gd_reap(%s)', :w));
select is(test.late(:w, :i, :f, :s), 'busy', 'beside the reaper, every kind of outcome is to be offered again');
select is(test.world(), :'world'::jsonb, 'and has no side effect');
select test.exec('a', 'commit');

-- Picked again by another worker, whose pick is in flight, and then is there.
select test.world() as world \gset
select test.exec('a', 'begin');
select (test.query('a', format($$ select fence from gd_pick(%s, 'q', 1) $$, :v)) -> 0 ->> 'fence') as g \gset
select is(test.late(:w, :i, :f, :s), 'stale',
    'beside another worker''s pick in flight, every kind of outcome is stale');
select is(test.world(), :'world'::jsonb, 'and has no side effect');
select test.exec('a', 'commit');
select test.world() as world \gset
select is(test.late(:w, :i, :f, :s), 'stale', 'after another worker''s pick, every kind of outcome is stale');
select is(test.late(:w, :i, :g, :s), 'stale', 'even under the other worker''s fence');
select is(test.late(:v, :i, :f, :s), 'stale', 'and so is the other worker''s under the old fence');
select is(test.late(0, :i, :g, :s), 'stale', 'and that of no worker');
select is(test.world(), :'world'::jsonb, 'none has a side effect');

-- The other worker's commit is in flight: what is stale is not even busy.
select test.exec('a', 'begin');
select test.query('a', test.commit(:v, test.outcome(:i, :g, 'next', '{"step": "two"}')));
select is(test.late(:w, :i, :f, :s), 'stale',
    'beside another worker''s commit in flight, every kind of outcome is stale');
select is(test.world(), :'world'::jsonb, 'and has no side effect');
select test.exec('a', 'commit');

-- A row that no worker holds belongs to none, not to worker 0 either.
select fence as g from gendurable.instances where id = :i \gset
select test.world() as world \gset
select is(test.late(0, :i, :g, :s), 'stale', 'a commit for a row that no worker holds is stale');
select gd_release(0, array[:i], '1 hour') \g /dev/null
select is(test.world(), :'world'::jsonb, 'nor can it be released');

-- A worker that was forgotten while another session's transaction kept the reaper from its claim: it is gone, so its
-- commits are stale.
select gd_register('dead', array['q']) as w \gset
select fence as f from gd_pick(:w, 'q', 1) \gset
select test.exec('a', 'begin');
select test.query('a', format($$ select gd_signal(%s, 'third') $$, :i));
select gd_reap(:w) \g /dev/null
select test.exec('a', 'commit');
select test.world() as world \gset
select throws_ok(format($$ select * from gd_pick(%s, 'q', 1) $$, :w), 'GD010', null, 'a worker is gone');
select is(test.late(:w, :i, :f, :s), 'stale', 'its commits are stale, though its claim was not released yet');
select is(test.world(), :'world'::jsonb, 'and have no side effect');
select is(gd_reap(), 1, 'the next reaper releases it');

-- Finished by another worker.
select fence as g from gd_pick(:v, 'q', 1) \gset
select gd_commit(:v, jsonb_build_array(test.outcome(:i, :g, 'done'))) \g /dev/null
select gd_enqueue('M', queue => 'q', correlation_key => 'k') \g /dev/null
select test.world() as world \gset
select is(test.late(:w, :i, :f, :s), 'stale', 'after another worker has finished it, every kind of outcome is stale');
select is(test.late(:v, :i, :g, :s), 'stale', 'and so is the outcome that was accepted, sent again');
select is(test.world(), :'world'::jsonb, 'the key stays with its new occupant');
select * from finish();
