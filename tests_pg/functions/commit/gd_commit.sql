-- gd_commit: the outcomes of steps, each for itself.
begin;
select plan(198);

select gd_register('me') as me \gset
select gd_register('other') as other \gset

-- A fresh claim of :me in a queue of its own, so that nothing is more urgent.
create function pg_temp.claim(p_worker bigint, p_state jsonb default '{"n": 0}', p_priority int default 0,
    p_key text default null) returns gendurable.job
language plpgsql as $$
declare
    v_id  bigint := (select e.id from gd_enqueue('m', p_state, priority => p_priority, correlation_key => p_key) as e);
    v_job gendurable.job;
begin
    update gendurable.instances set queue = 'q' || v_id where id = v_id;
    select p.* into v_job from gd_pick(p_worker, 'q' || v_id, 1) as p;
    return v_job;
end
$$;
create function pg_temp.repick(p_worker bigint, p_id bigint) returns gendurable.job language plpgsql as $$
declare
    v_job gendurable.job;
begin
    select p.* into v_job from gd_pick(p_worker, (select i.queue from gendurable.instances as i where i.id = p_id), 1)
        as p;
    return v_job;
end
$$;
-- One outcome; answers `result`, or `result: detail`.
create function pg_temp.commit(p_worker bigint, p_job gendurable.job, p_outcome jsonb) returns text language sql as $$
    select c.result || coalesce(': ' || c.detail, '')
    from gd_commit(p_worker, jsonb_build_array(jsonb_build_object('id', p_job.id, 'fence', p_job.fence) || p_outcome))
        as c
$$;
-- The outcomes of several claims; answers the results in order.
create function pg_temp.commit(p_worker bigint, p_outcomes jsonb[]) returns text language sql as $$
    select string_agg(c.result, ' ' order by c.n)
    from (select x.*, row_number() over () as n from gd_commit(p_worker, to_jsonb(p_outcomes)) as x) as c
$$;
create temp table jobs (label text primary key, job gendurable.job);
create function pg_temp.job(p_label text) returns gendurable.job language sql as $$
    select (j.job).* from jobs as j where j.label = p_label $$;
create function pg_temp.row(p_label text) returns gendurable.instances language sql as $$
    select i.* from gendurable.instances as i where i.id = (pg_temp.job(p_label)).id
$$;

-- next
insert into jobs select 'next', pg_temp.claim(:me);
update gendurable.instances set attempt = 3, last_error = '{}', rate_limit = 'r', weight = 2, joined = true,
    eligible_at = now() - interval '1 day',
    awaits = '{x}' where id = (pg_temp.job('next')).id;
select results_eq(
    format($$ select id, fence, result, detail, signals,
        children from gd_commit(%s, jsonb_build_array(jsonb_build_object(
        'id', (pg_temp.job('next')).id, 'fence', (pg_temp.job('next')).fence, 'kind', 'next', 'step', 'two', 'state',
        '{"n": 1}'::jsonb))) $$, :me),
    $$ select (pg_temp.job('next')).id, (pg_temp.job('next')).fence, 'committed', null::text, null::jsonb, null::jsonb
    $$,
    'an answer has every field, and repeats the fence that was sent');
select results_eq($$ select step, state, attempt, last_error, rate_limit, weight, joined, awaits, phase::text, fence,
    worker_id, claimed_at, eligible_at, updated_at > now()
                     from pg_temp.row('next') $$,
    $$ values ('two', '{"n": 1}'::jsonb, 0, null::jsonb, null::text, null::float8, false, null::text[], 'ready',
        (pg_temp.job('next')).fence + 1, null::bigint, null::timestamptz, now(), true) $$,
    'next goes to the step, runnable now, and leaves nothing of the old one behind');
update jobs set job = pg_temp.repick(:me, (job).id) where label = 'next';
select is(pg_temp.commit(:me, pg_temp.job('next'), '{"kind": "next", "step": "three"}'), 'committed',
    'next without a state');
select is((pg_temp.row('next')).state, '{"n": 1}'::jsonb, 'next without a state keeps the stored one');
select is((pg_temp.row('next')).phase::text, 'ready', 'next without continue does not run ahead');
select is((pg_temp.row('next')).priority, 0, 'next without a priority keeps it');
update jobs set job = pg_temp.repick(:me, (job).id) where label = 'next';
select is(pg_temp.commit(:me, pg_temp.job('next'), '{"kind": "next", "step": "four", "priority": 7, "delay_ms": 1500}'),
    'committed', 'next with priority and delay');
select results_eq($$ select phase::text, priority, eligible_at from pg_temp.row('next') $$, $$
    values ('scheduled', 7, now() + interval '1.5 s') $$,
    'next with a delay is scheduled, with a priority it has that one');
insert into jobs select 'hasty', pg_temp.claim(:me);
select is(pg_temp.commit(:me, pg_temp.job('hasty'),
    '{"kind": "next", "step": "x", "delay_ms": -1000, "priority": null, "state": null}'), 'committed',
    'negative delay');
select results_eq($$ select phase::text, eligible_at, priority, state from pg_temp.row('hasty') $$, $$
    values ('ready', now(), 0, '{"n": 0}'::jsonb) $$,
    'a negative delay means at once; an explicit null keeps what is stored');

-- next, running ahead
insert into jobs select 'ahead', pg_temp.claim(:me);
update gendurable.instances set attempt = 3, last_error = '{}', rate_limit = 'r', weight = 2, joined = true,
    awaits = '{x}',
    claimed_at = now() - interval '1 hour', eligible_at = now() - interval '1 day' where id = (pg_temp.job('ahead')).id;
select results_eq(
    format($$ select id, fence, result, detail, signals,
        children from gd_commit(%s, jsonb_build_array(jsonb_build_object(
        'id', (pg_temp.job('ahead')).id, 'fence', (pg_temp.job('ahead')).fence, 'kind', 'next', 'step', 'two', 'state',
        '{"n": 1}'::jsonb, 'continue', true, 'priority', 2))) $$, :me),
    $$ select (pg_temp.job('ahead')).id, (pg_temp.job('ahead')).fence + 1, 'continued', null::text, '[]'::jsonb,
        null::jsonb $$,
    'after continued the fence is the one to use next, and signals is the inbox');
select results_eq($$ select step, state, attempt, last_error, rate_limit, weight, joined, awaits, phase::text, fence,
    chain, priority, claimed_at, eligible_at, updated_at > now()
                     from pg_temp.row('ahead') $$,
    $$ values ('two', '{"n": 1}'::jsonb, 0, null::jsonb, null::text, null::float8, false, null::text[], 'executing',
        (pg_temp.job('ahead')).fence + 1, 1, 2,
               now() - interval '1 hour', now() - interval '1 day', true) $$,
    'running ahead commits the step and its state, and keeps the claim and its time');
select is((pg_temp.row('ahead')).worker_id, :me::bigint, 'running ahead keeps the worker');
select is(pg_temp.commit(:me, pg_temp.job('ahead'), '{"kind": "done"}'), 'stale',
    'the fence of before a continue is stale');
update jobs set job.fence = (job).fence + 1 where label = 'ahead';
select is(pg_temp.commit(:me, pg_temp.job('ahead'), '{"kind": "next", "step": "three", "continue": true}'), 'continued',
    'a chain goes on');
select is((pg_temp.row('ahead')).state, '{"n": 1}'::jsonb, 'running ahead without a state keeps the stored one');
update jobs set job.fence = (job).fence + 1 where label = 'ahead';
select is(pg_temp.commit(:me, pg_temp.job('ahead'), '{"kind": "next", "step": "four", "continue": false}'), 'committed',
    'continue false is not running ahead');

insert into jobs select 'delayed', pg_temp.claim(:me);
select is(pg_temp.commit(:me, pg_temp.job('delayed'), '{"kind": "next", "step": "x", "continue": true, "delay_ms": 1}'),
    'committed', 'a delay is not run ahead');
select is((pg_temp.row('delayed')).phase::text, 'scheduled', 'a delay that was asked to run ahead is waited for');
insert into jobs select 'undelayed', pg_temp.claim(:me);
select is(pg_temp.commit(:me, pg_temp.job('undelayed'),
    '{"kind": "next", "step": "x", "continue": true, "delay_ms": 0}'), 'continued', 'a delay of zero is none');

insert into jobs select 'paused', pg_temp.claim(:me);
insert into gendurable.queues (name, paused) values ((pg_temp.row('paused')).queue, true);
insert into jobs select 'unpaused', pg_temp.claim(:me);
insert into gendurable.queues (name, paused) values ((pg_temp.row('unpaused')).queue, false);
select is(pg_temp.commit(:me,
    array(select jsonb_build_object('id', (job).id, 'fence', (job).fence, 'kind', 'next', 'step', 'x', 'continue', true)
                                    from jobs where label in ('paused', 'unpaused') order by label)),
    'committed continued', 'in a paused queue nothing runs ahead, in the others it does');
select is((pg_temp.row('paused')).phase::text, 'ready', 'what may not run ahead is runnable again');

-- More urgent work: ready now, same queue, a strictly smaller priority number than the instance's new one.
create function pg_temp.ahead(p_worker bigint, p_priority int, p_outcome jsonb, p_rival int,
    p_rival_at timestamptz default now(), p_same_queue boolean default true)
returns text language plpgsql as $$
declare
    v_job gendurable.job := pg_temp.claim(p_worker, p_priority => p_priority);
begin
    perform gd_enqueue('rival', priority => p_rival, eligible_at => p_rival_at,
        queue => case when p_same_queue then v_job.queue else v_job.queue || 'x' end);
    return pg_temp.commit(p_worker, v_job, '{"kind": "next", "step": "x", "continue": true}' || p_outcome);
end
$$;
select is(pg_temp.ahead(:me, 0, '{}', -1), 'committed', 'nothing runs ahead of more urgent work');
select is(pg_temp.ahead(:me, 0, '{}', 0), 'continued', 'work of the same priority is not more urgent');
select is(pg_temp.ahead(:me, 0, '{}', 1), 'continued', 'less urgent work does not matter');
select is(pg_temp.ahead(:me, 0, '{"priority": 5}', 3), 'committed',
    'it is the new priority that counts: less urgent than before');
select is(pg_temp.ahead(:me, 0, '{"priority": -5}', -3), 'continued',
    'it is the new priority that counts: more urgent than before');
select is(pg_temp.ahead(:me, 0, '{"priority": 3}', 3), 'continued',
    'a new priority that is the same is not more urgent');
select is(pg_temp.ahead(:me, 0, '{}', -1, now() + '1 hour'), 'continued', 'work of the future is not more urgent');
select is(pg_temp.ahead(:me, 0, '{}', -1, now(), false), 'continued', 'work of another queue is not more urgent');
insert into jobs select 'due rival', pg_temp.claim(:me);
select id as rival from gd_enqueue('rival', priority => -1, delay => '1 hour',
    queue => (pg_temp.row('due rival')).queue) \gset
update gendurable.instances set eligible_at = now() - interval '1 ms' where id = :rival;
select is(pg_temp.commit(:me, pg_temp.job('due rival'), '{"kind": "next", "step": "x", "continue": true}'), 'committed',
    'scheduled work that has become due is more urgent');
insert into jobs select 'due equal', pg_temp.claim(:me);
select id as rival from gd_enqueue('rival', delay => '1 hour', queue => (pg_temp.row('due equal')).queue) \gset
update gendurable.instances set eligible_at = now() - interval '1 ms' where id = :rival;
select is(pg_temp.commit(:me, pg_temp.job('due equal'), '{"kind": "next", "step": "x", "continue": true}'), 'continued',
    'scheduled work of the same priority that has become due is not more urgent');
insert into jobs select 'parked rival', pg_temp.claim(:me);
insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, awaits, priority,
    fsm_version, fsm, queue)
select nextval('gendurable.instances_id_seq'), now(), 'infinity', now(), 'awaiting_signal', 's', '{}', '{x}', -9, 1,
    'm', (pg_temp.row('parked rival')).queue;
select is(pg_temp.commit(:me, pg_temp.job('parked rival'), '{"kind": "next", "step": "x", "continue": true}'),
    'continued', 'a park is not more urgent');
insert into jobs select 'raised rival', pg_temp.claim(:me);
select gd_set_concurrency_limit('raised', 0) \g /dev/null
select id as rival from gd_enqueue('rival', priority => -1, concurrency_key => 'raised',
    queue => (pg_temp.row('raised rival')).queue) \gset
delete from gendurable.doorbells;
select gd_set_concurrency_limit('raised', 1) \g /dev/null
select is(pg_temp.commit(:me, pg_temp.job('raised rival'), '{"kind": "next", "step": "x", "continue": true}'),
    'committed',
    'work that a raised limit has just let go is more urgent');
insert into jobs select 'urgent', pg_temp.claim(:me, p_priority => -5);
insert into jobs select 'relaxed', pg_temp.claim(:me, p_priority => 5);
select (pg_temp.row('urgent')).queue as uq \gset
update gendurable.instances set queue = :'uq' where id = (pg_temp.job('relaxed')).id;
select gd_enqueue('rival', priority => 0, queue => :'uq') as e \gset
select is(pg_temp.commit(:me,
    array(select jsonb_build_object('id', (job).id, 'fence', (job).fence, 'kind', 'next', 'step', 'x', 'continue', true)
                                    from jobs where label in ('urgent', 'relaxed') order by label)),
    'committed continued', 'each of a batch is compared with its own priority');

-- Its concurrency key: a new one has to be admitted, and a limit of 0 stops an instance that keeps it.
select gd_set_concurrency_limit('shut', 0) \g /dev/null
create function pg_temp.keyed(p_worker bigint, p_key text, p_more jsonb) returns text language plpgsql as $$
declare
    v_job gendurable.job := pg_temp.claim(p_worker);
begin
    update gendurable.instances set concurrency_key = p_key where id = v_job.id;
    return pg_temp.commit(p_worker, v_job, '{"kind": "next", "step": "x", "continue": true}' || p_more);
end
$$;
select is(pg_temp.keyed(:me, 'open:1', '{}'), 'continued', 'a key that is kept was admitted');
select is(pg_temp.keyed(:me, 'open:2', '{"concurrency_key": "open:2"}'), 'continued',
    'one that is named again is kept');
select is(pg_temp.keyed(:me, 'open:3', '{"concurrency_key": "open:4"}'), 'committed', 'a new one has to be admitted');
select is(pg_temp.keyed(:me, null, '{"concurrency_key": "open:5"}'), 'committed', 'so has the first one');
select is(pg_temp.keyed(:me, 'shut:1', '{}'), 'committed', 'a limit of 0 stops an instance that keeps the key');
select is(pg_temp.keyed(:me, 'shut:2', '{"concurrency_key": null}'), 'continued', 'but not who lets go of it');

-- The chain budget: the picked step and 99 more.
create function pg_temp.chain(p_worker bigint, p_job gendurable.job) returns int language plpgsql as $$
declare
    v_fence  bigint := p_job.fence;
    v_answer record;
begin
    for v_n in 0 .. 200 loop
        select c.* into v_answer from gd_commit(p_worker, jsonb_build_array(
            jsonb_build_object('id', p_job.id, 'fence', v_fence, 'kind', 'next', 'step', 's' || v_n, 'continue', true)))
            as c;
        if v_answer.result = 'committed' then
            return v_n;
        end if;
        v_fence := v_answer.fence;
    end loop;
    return null;
end
$$;
insert into jobs select 'chain', pg_temp.claim(:me);
select is(pg_temp.chain(:me, pg_temp.job('chain')), 99,
    'a claim runs the picked step and 99 more, then the row is runnable again');
select is((pg_temp.row('chain')).step, 's99', 'the step after the last of a chain is committed, not lost');
update jobs set job = pg_temp.repick(:me, (job).id) where label = 'chain';
select is(pg_temp.chain(:me, pg_temp.job('chain')), 99, 'a new claim has a new budget');

-- retry
insert into jobs select 'retry', pg_temp.claim(:me);
update gendurable.instances set eligible_at = now() - interval '1 day', rate_limit = 'r', weight = 2, joined = true,
    awaits = '{x}' where id = (pg_temp.job('retry')).id;
select is(pg_temp.commit(:me, pg_temp.job('retry'),
    '{"kind": "retry", "step": "elsewhere", "state": {"n": 1}, "error": {"e": 1}, "delay_ms": 2000}'), 'committed',
    'retry');
select results_eq($$ select step, state, attempt, last_error, phase::text, eligible_at, fence, worker_id, claimed_at,
    rate_limit, weight, joined, awaits, updated_at > now()
                     from pg_temp.row('retry') $$,
    $$ values ('start', '{"n": 1}'::jsonb, 1, '{"e": 1}'::jsonb, 'scheduled', now() + interval '2 s',
        (pg_temp.job('retry')).fence + 1, null::bigint, null::timestamptz, 'r', 2::float8,
               true, '{x}'::text[], true) $$,
    'retry is the same step after the delay, one attempt later, with all that the step was started with');
update gendurable.instances set eligible_at = now(), rate_limit = null,
    weight = null where id = (pg_temp.job('retry')).id;
update jobs set job = pg_temp.repick(:me, (job).id) where label = 'retry';
select is((pg_temp.job('retry')).attempt, 1, 'the redo knows its attempt');
select is(pg_temp.commit(:me, pg_temp.job('retry'), '{"kind": "retry"}'), 'committed', 'retry with nothing');
select results_eq($$ select state, attempt, last_error, phase::text, eligible_at from pg_temp.row('retry') $$,
    $$ values ('{"n": 1}'::jsonb, 2, null::jsonb, 'ready', now()) $$,
    'retry without fields keeps the state, waits for nothing and leaves no error');
update jobs set job = pg_temp.repick(:me, (job).id) where label = 'retry';
select is(pg_temp.commit(:me, pg_temp.job('retry'), '{"kind": "retry", "delay_ms": -5}'), 'committed',
    'retry with a negative delay');
select results_eq($$ select phase::text, eligible_at from pg_temp.row('retry') $$, $$
    values ('ready', now()) $$, 'a retry with a negative delay is due at once');

-- await
insert into jobs select 'await', pg_temp.claim(:me);
update gendurable.instances set attempt = 3, last_error = '{}', rate_limit = 'r', weight = 2,
    joined = true where id = (pg_temp.job('await')).id;
select is(pg_temp.commit(:me, pg_temp.job('await'),
    '{"kind": "await", "names": ["paid", "void"], "step": "ship", "state": {"n": 1}, "timeout_ms": 3600000}'),
    'committed', 'await');
select results_eq($$ select step, state, attempt, last_error, rate_limit, weight, joined, awaits, phase::text,
    eligible_at, fence, worker_id, claimed_at from pg_temp.row('await') $$,
    $$ values ('ship', '{"n": 1}'::jsonb, 0, null::jsonb, null::text, null::float8, false, '{paid,void}'::text[],
        'awaiting_signal', now() + interval '1 hour',
               (pg_temp.job('await')).fence + 1, null::bigint, null::timestamptz) $$,
    'await parks on its names, with a deadline, attempt 0, and leaves nothing else behind');
insert into jobs select 'idle', pg_temp.claim(:me);
select is(pg_temp.commit(:me, pg_temp.job('idle'), '{"kind": "await", "names": ["x"]}'), 'committed',
    'await with nothing');
select results_eq($$ select step, state, eligible_at, phase::text from pg_temp.row('idle') $$, $$
    values ('start', '{"n": 0}'::jsonb, 'infinity'::timestamptz, 'awaiting_signal') $$,
    'await without fields is woken for the current step with the stored state, and has no deadline');
insert into jobs select 'forever', pg_temp.claim(:me);
select is(pg_temp.commit(:me, pg_temp.job('forever'),
    jsonb_build_object('kind', 'await', 'names', array[repeat('é', 500)], 'timeout_ms', null)), 'committed',
    'await with timeout null, on a name of 1,000 bytes');
select is((pg_temp.row('forever')).eligible_at, 'infinity', 'timeout null is no deadline');
insert into jobs select 'zero', pg_temp.claim(:me);
select is(pg_temp.commit(:me, pg_temp.job('zero'), '{"kind": "await", "names": ["x"], "timeout_ms": 0}'), 'committed',
    'await with timeout 0');
update jobs set job = pg_temp.repick(:me, (job).id) where label = 'zero';
select is((pg_temp.job('zero')).attempt, 0, 'timeout 0 is over at once, attempt untouched');
select is(pg_temp.commit(:me, pg_temp.job('zero'), '{"kind": "await", "names": ["x"], "timeout_ms": -1000}'),
    'committed', 'await with a negative timeout');
update jobs set job = pg_temp.repick(:me, (job).id) where label = 'zero';
select is((pg_temp.row('zero')).fence, (pg_temp.job('zero')).fence, 'a negative timeout is over at once');

-- What wakes an await at once.
insert into jobs select 'inbox', pg_temp.claim(:me);
select gd_signal((pg_temp.job('inbox')).id, 'a', '1') as r \gset
select is(pg_temp.commit(:me, pg_temp.job('inbox'), '{"kind": "await", "names": ["a"], "timeout_ms": 3600000}'),
    'committed', 'await of what came while the step ran');
select results_eq($$ select phase::text, eligible_at from pg_temp.row('inbox') $$, $$
    values ('ready', now()) $$, 'a signal that is already in the inbox wakes an await at once');
update jobs set job = pg_temp.repick(:me, (job).id) where label = 'inbox';
select is((pg_temp.job('inbox')).awaited #>> '{0,payload}', '1',
    'the step that was woken at once is handed the signal');
select is(pg_temp.commit(:me, pg_temp.job('inbox'), '{"kind": "await", "names": ["a", "b"]}'), 'committed', 're-await');
select is((pg_temp.row('inbox')).phase::text, 'awaiting_signal',
    'an await is not woken by what its step was handed as awaited');
select gd_signal((pg_temp.job('inbox')).id, 'b', '2') as r \gset
update jobs set job = pg_temp.repick(:me, (job).id) where label = 'inbox';
select is((select array_agg(x #>> '{payload}' order by n)::text
    from jsonb_array_elements((pg_temp.job('inbox')).awaited) with ordinality as x (x, n)), '{1,2}',
    'awaits delete nothing: what was awaited accumulates');
select is(pg_temp.commit(:me, pg_temp.job('inbox'), '{"kind": "await", "names": ["a", "b", "c"]}'), 'committed',
    're-await again');
select is((pg_temp.row('inbox')).phase::text, 'awaiting_signal', 'what was presented accumulates over awaits');
select gd_signal((pg_temp.job('inbox')).id, 'a', '3') as r \gset
select is((pg_temp.row('inbox')).phase::text, 'ready', 'a new signal of a name that was presented wakes');
update jobs set job = pg_temp.repick(:me, (job).id) where label = 'inbox';
select is(pg_temp.commit(:me, pg_temp.job('inbox'), '{"kind": "retry"}'), 'committed',
    'retry of a step that was handed signals');
update jobs set job = pg_temp.repick(:me, (job).id) where label = 'inbox';
select is(jsonb_array_length((pg_temp.job('inbox')).awaited), 3, 'the redo is handed the same awaited signals');
select is(pg_temp.commit(:me, pg_temp.job('inbox'), '{"kind": "await", "names": ["a", "b"]}'), 'committed',
    're-await after a retry');
select is((pg_temp.row('inbox')).phase::text, 'awaiting_signal', 'what was presented is kept over retry');
select gd_signal((pg_temp.job('inbox')).id, 'a', '4') as r \gset
update jobs set job = pg_temp.repick(:me, (job).id) where label = 'inbox';
select gd_release(:me, array[(pg_temp.job('inbox')).id]) as r \gset
update jobs set job = pg_temp.repick(:me, (job).id) where label = 'inbox';
select is(pg_temp.commit(:me, pg_temp.job('inbox'), '{"kind": "await", "names": ["a", "b"]}'), 'committed',
    're-await after a release');
select is((pg_temp.row('inbox')).phase::text, 'awaiting_signal', 'what was presented is kept over release');
select gd_signal((pg_temp.job('inbox')).id, 'b', '5') as r \gset
select gd_register('doomed') as doomed \gset
update jobs set job = pg_temp.repick(:doomed, (job).id) where label = 'inbox';
select gd_reap(:doomed) as r \gset
update jobs set job = pg_temp.repick(:me, (job).id) where label = 'inbox';
select is((pg_temp.job('inbox')).attempt, 1, 'reaped');
select is(jsonb_array_length((pg_temp.job('inbox')).awaited), 5,
    'after a crash the redo is handed the same awaited signals');
select is(pg_temp.commit(:me, pg_temp.job('inbox'), '{"kind": "await", "names": ["a", "b"]}'), 'committed',
    're-await after a crash');
select is((pg_temp.row('inbox')).phase::text, 'awaiting_signal', 'what was presented is kept over a crash');
select gd_signal((pg_temp.job('inbox')).id, 'a', '6') as r \gset
update jobs set job = pg_temp.repick(:me, (job).id) where label = 'inbox';
select is(pg_temp.commit(:me, pg_temp.job('inbox'), '{"kind": "next", "step": "moved on"}'), 'committed',
    'next that consumes nothing');
update jobs set job = pg_temp.repick(:me, (job).id) where label = 'inbox';
select is((pg_temp.job('inbox')).awaited, '[]'::jsonb, 'after next nothing is awaited');
select is(jsonb_array_length((pg_temp.job('inbox')).signals), 6, 'next deletes nothing but what it consumed');
select is(pg_temp.commit(:me, pg_temp.job('inbox'), '{"kind": "await", "names": ["b"]}'), 'committed',
    'await after next');
select is((pg_temp.row('inbox')).phase::text, 'ready',
    'what was presented is forgotten by next: what it left wakes again');
insert into jobs select 'seen', pg_temp.claim(:me);
select gd_signal((pg_temp.job('seen')).id, 'x') as r \gset
select gd_release(:me, array[(pg_temp.job('seen')).id]) as r \gset
update jobs set job = pg_temp.repick(:me, (job).id) where label = 'seen';
select is(jsonb_array_length((pg_temp.job('seen')).signals), 1, 'the step sees the signal');
select is(pg_temp.commit(:me, pg_temp.job('seen'), '{"kind": "await", "names": ["x"]}'), 'committed',
    'await of what was only seen');
select is((pg_temp.row('seen')).phase::text, 'ready', 'what a step only saw in signals does wake its await');
insert into jobs select 'unrelated', pg_temp.claim(:me);
select gd_signal((pg_temp.job('unrelated')).id, 'x') as r \gset
select is(pg_temp.commit(:me, pg_temp.job('unrelated'), '{"kind": "await", "names": ["y"]}'), 'committed',
    'await of another name');
select is((pg_temp.row('unrelated')).phase::text, 'awaiting_signal', 'a signal of another name does not wake');

-- done and stop
insert into jobs select 'done', pg_temp.claim(:me, p_key => 'done');
select gd_signal('done', 'x', dedup_key => 'd') as r \gset
select is(pg_temp.commit(:me, pg_temp.job('done'), '{"kind": "done", "result": {"ok": true}, "error": {"no": 1}}'),
    'committed', 'done');
select results_eq($$ select status, step, state, attempt, result, error,
    finished_at > now() from gd_status((pg_temp.job('done')).id) $$,
    $$ values ('done', 'start', '{"n": 0}'::jsonb, 0, '{"ok": true}'::jsonb, null::jsonb, true) $$,
    'done is terminal, with its result and its last state');
select is_empty($$ select from pg_temp.row('done') as r where r.id is not null $$,
    'what is finished leaves the live table');
select is_empty($$ select from gendurable.signals where instance_id = (pg_temp.job('done')).id $$,
    'finishing deletes the inbox');
select is_empty($$ select from gendurable.dedup_keys where instance_id = (pg_temp.job('done')).id $$,
    'finishing forgets the deduplication keys');
select is_empty($$ select from gendurable.correlation_keys where key = 'done' $$,
    'finishing frees the correlation key');
select is(pg_temp.commit(:me, pg_temp.job('done'), '{"kind": "done"}'), 'stale',
    'what is finished cannot be committed again');
insert into jobs select 'stop', pg_temp.claim(:me);
select is(pg_temp.commit(:me, pg_temp.job('stop'),
    '{"kind": "stop", "error": {"why": 1}, "result": 5, "state": {"last": 1}}'), 'committed', 'stop');
select results_eq($$ select status, state, result, error from gd_status((pg_temp.job('stop')).id) $$,
    $$ values ('failed', '{"last": 1}'::jsonb, null::jsonb, '{"why": 1}'::jsonb) $$,
    'stop is terminal, with its error and the state it names');
insert into jobs select 'bare done', pg_temp.claim(:me);
insert into jobs select 'bare stop', pg_temp.claim(:me);
select is(pg_temp.commit(:me,
    array[jsonb_build_object('id', (pg_temp.job('bare done')).id, 'fence', (pg_temp.job('bare done')).fence, 'kind',
        'done'),
                                    jsonb_build_object('id', (pg_temp.job('bare stop')).id, 'fence',
                                        (pg_temp.job('bare stop')).fence, 'kind', 'stop')]), 'committed committed',
                                    'done and stop with nothing');
select results_eq($$ select status, result from gd_status((pg_temp.job('bare done')).id) $$, $$
    values ('done', null::jsonb) $$, 'done needs no result');
select results_eq($$ select status, error is not null from gd_status((pg_temp.job('bare stop')).id) $$, $$
    values ('failed', true) $$, 'stop without an error has one all the same');

-- Consumption is by id.
create function pg_temp.left_in(p_label text) returns text language sql as $$
    select coalesce(string_agg(s.name, ' ' order by s.id), '') from gendurable.signals as s
        where s.instance_id = (pg_temp.job(p_label)).id
$$;
create function pg_temp.ids(p_label text, p_names text[]) returns jsonb language sql as $$
    select coalesce(jsonb_agg(s.id), '[]') from gendurable.signals as s
        where s.instance_id = (pg_temp.job(p_label)).id and s.name = any (p_names)
$$;
insert into jobs select 'eat', pg_temp.claim(:me);
insert into jobs select 'neighbour', pg_temp.claim(:me);
select is((select array_agg(gd_signal((pg_temp.job(l)).id, n))::text from unnest('{eat,neighbour}'::text[]) as l,
    unnest('{a,b,c,d}'::text[]) as n),
    '{delivered,delivered,delivered,delivered,delivered,delivered,delivered,delivered}', 'four signals each');
select pg_temp.ids('eat', '{a,c}') as eaten, pg_temp.ids('eat', '{a}') as first, pg_temp.ids('eat', '{c}') as second,
    pg_temp.ids('neighbour', '{a,b,c,d}') as foreign_ids, pg_temp.ids('eat', '{b,d}') as rest \gset
select is(pg_temp.commit(:me, pg_temp.job('eat'),
    jsonb_build_object('kind', 'retry', 'consumed', :'first'::jsonb || :'foreign_ids'::jsonb)), 'committed',
    'retry that names consumed');
select is(pg_temp.left_in('eat'), 'b c d', 'retry deletes exactly what it consumed');
update jobs set job = pg_temp.repick(:me, (job).id) where label = 'eat';
select is(pg_temp.commit(:me, pg_temp.job('eat'),
    jsonb_build_object('kind', 'await', 'names', '["b"]'::jsonb, 'consumed',
        :'second'::jsonb || :'foreign_ids'::jsonb)), 'committed', 'await that names consumed');
select is(pg_temp.left_in('eat'), 'b d', 'await deletes exactly what it consumed');
update jobs set job = pg_temp.repick(:me, (job).id) where label = 'eat';
select is(pg_temp.commit(:me, pg_temp.job('eat'),
    jsonb_build_object('kind', 'next', 'step', 'x', 'consumed', :'eaten'::jsonb || :'foreign_ids'::jsonb)), 'committed',
    'next that names consumed');
select is(pg_temp.left_in('eat'), 'b d', 'next deletes exactly what it consumed');
select is(pg_temp.left_in('neighbour'), 'a b c d', 'no instance consumes the signals of another');
update jobs set job = pg_temp.repick(:me, (job).id) where label = 'eat';
select is((select c.signals
    from gd_commit(:me, jsonb_build_array(jsonb_build_object('id', (pg_temp.job('eat')).id, 'fence',
        (pg_temp.job('eat')).fence,
        'kind', 'next', 'step', 'y', 'continue', true, 'consumed', pg_temp.ids('eat', '{b}')))) as c) #>> '{0,name}',
        'd',
    'after continued, signals is the inbox without what was consumed');
select is(pg_temp.left_in('eat'), 'd', 'next that runs ahead deletes what it consumed');

-- Whose claim it is.
insert into jobs select 'mine', pg_temp.claim(:me, p_key => 'mine');
select is(pg_temp.commit(:other, pg_temp.job('mine'), '{"kind": "done"}'), 'stale',
    'another worker''s outcome is stale');
select is(pg_temp.commit(null, pg_temp.job('mine'), '{"kind": "done"}'), 'stale', 'the outcome of no worker is stale');
select is(pg_temp.commit(-1, pg_temp.job('mine'), '{"kind": "done"}'), 'stale',
    'an unknown worker''s outcome is stale, not an error');
select is(pg_temp.commit(:me, pg_temp.job('mine'),
    jsonb_build_object('kind', 'done', 'fence', (pg_temp.job('mine')).fence - 1)), 'stale', 'an older fence is stale');
select is(pg_temp.commit(:me, pg_temp.job('mine'),
    jsonb_build_object('kind', 'done', 'fence', (pg_temp.job('mine')).fence + 1)), 'stale',
    'a fence of the future is stale');
select is(pg_temp.commit(:me, pg_temp.job('mine'), '{"kind": "done", "id": -7}'), 'stale',
    'an unknown instance is stale');
select is((pg_temp.row('mine')).phase::text, 'executing', 'nothing stale has touched the claim');
select is(pg_temp.commit(:me, pg_temp.job('mine'), '{"kind": "retry"}'), 'committed',
    'the claim''s own outcome is accepted');
select is(pg_temp.commit(:me, pg_temp.job('mine'), '{"kind": "retry"}'), 'stale',
    'an outcome that is sent again is stale');
select is(pg_temp.commit(:me, pg_temp.job('mine'),
    jsonb_build_object('kind', 'retry', 'fence', (pg_temp.row('mine')).fence)), 'stale',
    'the fence of a row that no worker holds is no claim');
select is((pg_temp.row('mine')).attempt, 1, 'an outcome never applies twice');
insert into jobs select 'unheld',
    row((select e.id from gd_enqueue('m', queue => 'unheld') as e), 0, null, null, null, null, null, null, null, null,
        null, null, null, null,
    null, null, null)::gendurable.job;
select is(pg_temp.commit(0, pg_temp.job('unheld'), '{"kind": "done"}'), 'stale',
    'a row that no worker holds is not worker 0''s');
insert into jobs select 'forgotten', pg_temp.claim(:me);
select gd_register('short-lived') as short \gset
select gd_release(:me, array[(pg_temp.job('forgotten')).id]) as r \gset
update jobs set job = pg_temp.repick(:short, (job).id) where label = 'forgotten';
delete from gendurable.workers where id = :short;
select is(pg_temp.commit(:short, pg_temp.job('forgotten'), '{"kind": "done"}'), 'stale',
    'a worker that is gone has no claim, even one that was not released yet');
-- Every kind: what is stale has no side effect.
insert into jobs select 'lost ' || k, pg_temp.claim(:me, p_key => 'lost ' || k)
    from unnest('{next,retry,await,done,stop}'::text[]) as k;
select is((select count(*)::int from jobs where label like 'lost %' and gd_signal((job).id, 's') = 'delivered'), 5,
    'a signal each');
create temp view lost_rows as
select i.*, (select count(*) from gendurable.signals as s where s.instance_id = i.id) as in_box
from gendurable.instances as i where i.id in (select (job).id from jobs where label like 'lost %');
create temp table lost_before as select * from lost_rows;
select is(pg_temp.commit(:other, array(
        select jsonb_build_object('id', (job).id, 'fence', (job).fence, 'kind', substr(label, 6), 'step', 'x', 'names',
            '["s"]'::jsonb, 'state', '5'::jsonb, 'consumed',
                                  (select jsonb_agg(s.id) from gendurable.signals as s)) from jobs
                                  where label like 'lost %')),
    'stale stale stale stale stale', 'outcomes of every kind can be stale');
select set_eq('select * from lost_rows', 'select * from lost_before', 'a stale outcome has no side effect of any kind');

-- Two outcomes for one claim.
insert into jobs select 'twice', pg_temp.claim(:me);
select is(pg_temp.commit(:me,
    array[jsonb_build_object('id', (pg_temp.job('twice')).id, 'fence', (pg_temp.job('twice')).fence, 'kind', 'next',
        'step', 'first'),
                                    jsonb_build_object('id', (pg_temp.job('twice')).id, 'fence',
                                        (pg_temp.job('twice')).fence, 'kind', 'done')]), 'committed stale',
    'of two outcomes for one claim the first applies');
select is((pg_temp.row('twice')).step, 'first', 'the second of two outcomes for one claim does nothing');
insert into jobs select 'ahead twice', pg_temp.claim(:me);
select is(pg_temp.commit(:me,
    array[jsonb_build_object('id', (pg_temp.job('ahead twice')).id, 'fence', (pg_temp.job('ahead twice')).fence, 'kind',
        'next', 'step', 'first', 'continue', true),
                                    jsonb_build_object('id', (pg_temp.job('ahead twice')).id, 'fence',
                                        (pg_temp.job('ahead twice')).fence, 'kind', 'next', 'step', 'second',
                                        'continue', true),
                                    jsonb_build_object('id', (pg_temp.job('ahead twice')).id, 'fence',
                                        (pg_temp.job('ahead twice')).fence + 1, 'kind', 'next', 'step', 'third',
                                        'continue', true)]) ~ '^continued stale ',
    true, 'a claim runs ahead once in a batch');
insert into jobs select 'bad first', pg_temp.claim(:me);
select is(pg_temp.commit(:me,
    array[jsonb_build_object('id', (pg_temp.job('bad first')).id, 'fence', (pg_temp.job('bad first')).fence, 'kind',
        'dance'),
                                    jsonb_build_object('id', (pg_temp.job('bad first')).id, 'fence',
                                        (pg_temp.job('bad first')).fence, 'kind', 'done')]), 'invalid committed',
    'after an invalid outcome the claim is still held under the same fence, even within the batch');
insert into jobs select 'two fences', pg_temp.claim(:me);
select gd_release(:me, array[(pg_temp.job('two fences')).id]) as r \gset
select (pg_temp.job('two fences')).fence as older \gset
update jobs set job = pg_temp.repick(:me, (job).id) where label = 'two fences';
select is(pg_temp.commit(:me,
    array[jsonb_build_object('id', (pg_temp.job('two fences')).id, 'fence', :older, 'kind', 'done'),
                                    jsonb_build_object('id', (pg_temp.job('two fences')).id, 'fence',
                                        (pg_temp.job('two fences')).fence, 'kind', 'done')]), 'stale committed',
    'outcomes of an older claim do not disturb the current one''s');

-- invalid
insert into jobs select 'poison', pg_temp.claim(:me);
create function pg_temp.poison(p_worker bigint, p_outcome jsonb) returns text language sql as $$
    select pg_temp.commit(p_worker, pg_temp.job('poison'), p_outcome)
$$;
select is(pg_temp.poison(:me, '{"kind": "dance"}'), 'invalid: unknown kind dance',
    'an unknown kind is invalid, and named');
select is(pg_temp.poison(:me, '{}'), 'invalid: kind is required', 'no kind is invalid');
select is(pg_temp.poison(:me, '{"kind": null}'), 'invalid: kind is required', 'a null kind is invalid');
select is(pg_temp.poison(:me, '{"kind": "next"}'), 'invalid: next needs a step', 'next without a step is invalid');
select is(pg_temp.poison(:me, '{"kind": "next", "step": null}'), 'invalid: next needs a step',
    'next with a null step is invalid');
select matches(pg_temp.poison(:me, '{"kind": "next", "step": ""}'), '^invalid: step', 'an empty step is invalid');
select matches(pg_temp.poison(:me, jsonb_build_object('kind', 'next', 'step', repeat('é', 501))), '^invalid: step',
    'a step of more than 1,000 bytes is invalid');
select matches(pg_temp.poison(:me,
    jsonb_build_object('kind', 'await', 'names', '["x"]'::jsonb, 'step', repeat('é', 501))), '^invalid: step',
    'await.step has the same limit');
select matches(pg_temp.poison(:me, '{"kind": "await"}'), '^invalid: await needs names',
    'await without names is invalid');
select matches(pg_temp.poison(:me, '{"kind": "await", "names": []}'), '^invalid: await needs names',
    'await of no names is invalid');
select matches(pg_temp.poison(:me, '{"kind": "await", "names": ["x", null]}'), '^invalid: await needs names',
    'a null name is invalid');
select matches(pg_temp.poison(:me, '{"kind": "await", "names": ["x", ""]}'), '^invalid: .*name',
    'an empty name is invalid');
select matches(pg_temp.poison(:me, jsonb_build_object('kind', 'await', 'names', array['x', repeat('é', 501)])),
    '^invalid: .*name', 'a name of more than 1,000 bytes is invalid');
select is(pg_temp.commit(:me,
    array[jsonb_build_object('id', (pg_temp.job('poison')).id, 'fence', (pg_temp.job('poison')).fence, 'kind', 'await',
        'names', '[["x"]]'::jsonb), '5']), 'invalid invalid',
    'an array in place of a name is invalid, as is what is no outcome, and neither fails the batch');
select matches(pg_temp.poison(:me, '{"kind": "next", "step": {"a": 1}}'), '^invalid: .*step', 'an object is no step');
select matches(pg_temp.poison(:me, '{"kind": "await", "names": "x"}'), '^invalid: ',
    'names that are no array are invalid');
select matches(pg_temp.poison(:me, '{"kind": "await", "names": ["x"], "timeout_ms": "soon"}'), '^invalid: .*soon',
    'a timeout that is no number is invalid');
select matches(pg_temp.poison(:me, '{"kind": "await", "names": ["x"], "timeout_ms": 1e15}'), '^invalid: timeout_ms',
    'a timeout of more than a century is invalid');
select matches(pg_temp.poison(:me, '{"kind": "await", "names": ["x"], "timeout_ms": "NaN"}'), '^invalid: timeout_ms',
    'a timeout of NaN is invalid');
select matches(pg_temp.poison(:me, '{"kind": "await", "names": ["x"], "timeout_ms": -1e15}'), '^invalid: timeout_ms',
    'a timeout far in the past is invalid');
select matches(pg_temp.poison(:me, '{"kind": "retry", "delay_ms": 1e15}'), '^invalid: delay_ms',
    'a delay of more than a century is invalid');
select matches(pg_temp.poison(:me, '{"kind": "retry", "delay_ms": -1e15}'), '^invalid: delay_ms',
    'a delay far in the past is invalid');
select matches(pg_temp.poison(:me, '{"kind": "next", "step": "x", "delay_ms": "NaN"}'), '^invalid: delay_ms',
    'a delay of NaN is invalid');
select matches(pg_temp.poison(:me, '{"kind": "next", "step": "x", "delay_ms": [1]}'), '^invalid: ',
    'a delay of the wrong type is invalid');
select matches(pg_temp.poison(:me, '{"kind": "next", "step": "x", "priority": 2147483648}'), '^invalid: .*2147483648',
    'a priority out of range is invalid, and named');
select matches(pg_temp.poison(:me, '{"kind": "next", "step": "x", "continue": "perhaps"}'), '^invalid: .*perhaps',
    'a continue that is no boolean is invalid');
select matches(pg_temp.poison(:me, '{"kind": "next", "step": "x", "consumed": ["a"]}'), '^invalid: ',
    'consumed that are no ids are invalid');
select matches(pg_temp.poison(:me, '{"kind": "next", "step": "x", "consumed": 5}'),
    '^invalid: consumed: expected an array$', 'consumed that is no array is invalid');
select matches(pg_temp.poison(:me, '{"kind": "next", "step": "x", "weight": "heavy"}'), '^invalid: .*heavy',
    'a weight that is no number is invalid');
select is(pg_temp.poison(:me, '{"kind": "schedule_children", "step": "x", "children": {}}'),
    'invalid: children is no array', 'children that are no array are invalid');
select is(pg_temp.poison(:me, '{"kind": "next", "step": "x", "rate_limit": ""}'),
    'invalid: rate_limit is empty or longer than 1,000 bytes', 'an empty rate limit is invalid');
select is(pg_temp.poison(:me, '{"kind": "next", "step": "x", "concurrency_key": ""}'),
    'invalid: concurrency_key is empty or longer than 1,000 bytes',
    'an empty concurrency key is invalid');
select is((pg_temp.row('poison')).fence, (pg_temp.job('poison')).fence, 'after invalid the fence has not changed');
select is((pg_temp.row('poison')).phase::text, 'executing', 'after invalid the claim is still held');
select is(pg_temp.poison(:me,
    '{"kind": "next", "step": "x", "rate_limit": null, "concurrency_key": null, "weight": 1, "colour": "red"}'),
    'committed',
    'unknown fields are ignored, and fields that are null say nothing');
select results_eq(format($$
    select id, fence, result,
        detail from gd_commit(%s,
            '[{"kind": "done"}, {"id": 7, "kind": "done"}, {"fence": 7, "kind": "done"}, 5, null, [], "x"]') $$, :me),
    $$ values (null::bigint, null::bigint, 'invalid', 'id and fence are required'),
        (7, null, 'invalid', 'id and fence are required'),
              (null, 7, 'invalid', 'id and fence are required'), (null, null, 'invalid', 'not an object'),
              (null, null, 'invalid', 'not an object'),
              (null, null, 'invalid', 'not an object'), (null, null, 'invalid', 'not an object') $$,
              'what is no outcome is invalid with a reason, one answer each');
select results_eq(format($$
    select id, fence, result from gd_commit(%s,
        '[{"id": "one", "fence": 1, "kind": "done"}, {"id": 1e30, "fence": 1, "kind": "done"}, {"id": 7, "fence": 3, '
        '"kind": 5}]') $$, :me),
    $$ values (null::bigint, 1::bigint, 'invalid'), (null, 1, 'invalid'), (7, 3, 'invalid') $$,
    'an invalid outcome repeats its id and fence as far as they are numbers');

-- One batch: invalid of every sort, stale and committed side by side, answered in order.
create temp table mixed as
select n, pg_temp.claim(:me, p_key => 'mixed ' || n) as job, outcome, expected from (values
    (1, '{"kind": "done"}'::jsonb, 'committed'), (2, '{"kind": "dance"}', 'invalid'),
    (3, '{"kind": "next", "step": "x"}', 'committed'),
    (4, '{"kind": "next", "step": "x", "priority": "high"}', 'invalid'),
    (5, '{"kind": "await", "names": ["x"]}', 'committed'),
    (6, '{"kind": "await", "names": {}}', 'invalid'), (7, '{"kind": "retry"}', 'committed'),
    (8, '{"kind": "retry", "delay_ms": 1e99}', 'invalid'),
    (9, '{"kind": "stop"}', 'committed'), (10, '{"kind": "done", "fence": 99}', 'stale'),
    (11, '{"kind": "next", "step": "x", "continue": true}', 'continued'),
    (12, '{"kind": "done", "id": "x"}', 'invalid'), (13, '{"kind": "next"}', 'invalid'),
    (14, '{"kind": "done"}', 'committed')
) as v (n, outcome, expected);
select is(pg_temp.commit(:me,
    array(select jsonb_build_object('id', (job).id, 'fence', (job).fence) || outcome from mixed order by n)),
    (select string_agg(expected, ' ' order by n) from mixed),
    'a bad outcome spoils no other one: every one is answered for itself, in order');
create function pg_temp.mixed_status() returns text language sql as $$
    select string_agg(s.status, ' ' order by m.n) from mixed as m, lateral gd_status((m.job).id) as s
$$;
select is(pg_temp.mixed_status(),
    'done executing runnable executing awaiting_signal executing runnable executing failed executing executing '
    'executing executing done',
    'every good outcome of a mixed batch applies, no bad one does');
create temp table same_kind as select n, pg_temp.claim(:me) as job from generate_series(1, 20) as n;
select results_eq(format($$
    select array_agg(c.id)::text
        from gd_commit(%s, (select jsonb_agg(jsonb_build_object('id', (job).id, 'fence', (job).fence, 'kind', 'next',
            'step', 'x',
                                'continue', n %% 2 = 0) order by (job).id desc) from same_kind)) as c $$, :me),
    $$ select array_agg((job).id order by (job).id desc)::text from same_kind $$,
    'answers come in the order of the outcomes, not of the ids');
select is((select string_agg(case when i.worker_id is null then 'r' else 'e' end, '' order by s.n) from same_kind as s
    join gendurable.instances as i on i.id = (s.job).id),
    repeat('re', 10), 'in a batch each one runs ahead or not for itself');

-- The version that goes on.
create function pg_temp.versioned(p_worker bigint, p_outcome jsonb) returns text language plpgsql as $$
declare
    v_job    gendurable.job := pg_temp.claim(p_worker);
    v_result text := pg_temp.commit(p_worker, v_job, p_outcome);
begin
    return (select format('%s v%s %s of %s v%s %s', v_result, i.fsm_version, i.phase, k.fsm, k.fsm_version, k.step)
            from gendurable.instances as i join gendurable.kinds as k on k.id = (i.lane >> 40)::int
                where i.id = v_job.id);
end
$$;
select is(pg_temp.versioned(:me, '{"kind": "next", "step": "two", "fsm_version": 2}'), 'committed v2 ready of m v2 two',
    'next');
select is(pg_temp.versioned(:me, '{"kind": "next", "step": "two", "delay_ms": 5, "fsm_version": 2}'),
    'committed v2 scheduled of m v2 two', 'next with a delay');
select is(pg_temp.versioned(:me, '{"kind": "next", "step": "two", "continue": true, "fsm_version": 2}'),
    'continued v2 executing of m v1 start', 'next that runs ahead: its kind is written when it stops');
select is(pg_temp.versioned(:me, '{"kind": "retry", "fsm_version": 2}'), 'committed v2 ready of m v2 start', 'retry');
select is(pg_temp.versioned(:me, '{"kind": "await", "names": ["x"], "fsm_version": 2}'),
    'committed v2 awaiting_signal of m v2 start', 'await');
select is(pg_temp.versioned(:me, '{"kind": "await", "names": ["x"], "step": "two", "fsm_version": 2}'),
    'committed v2 awaiting_signal of m v2 two', 'await of another step');
select is(pg_temp.versioned(:me, '{"kind": "schedule_children", "step": "two", "fsm_version": 2}'),
    'committed v2 ready of m v2 two', 'schedule_children');
select is(pg_temp.versioned(:me, '{"kind": "schedule_children", "children": [{"fsm": "c"}], "fsm_version": 2}'),
    'committed v2 awaiting_children of m v2 start', 'schedule_children that wait');
select is(pg_temp.versioned(:me, '{"kind": "next", "step": "two"}'), 'committed v1 ready of m v1 two',
    'absent keeps it');
select is(pg_temp.versioned(:me, '{"kind": "retry", "fsm_version": null}'), 'committed v1 ready of m v1 start',
    'so does null');
select is(pg_temp.versioned(:me, '{"kind": "next", "step": "two", "fsm_version": 2, "fsm": "n"}'),
    'committed v2 ready of m v2 two', 'the machine never changes');
select is(pg_temp.versioned(:me, '{"kind": "next", "step": "two", "fsm_version": "2"}'),
    'invalid: fsm_version is no integer v1 executing of m v1 start', 'text is no version');
select is(pg_temp.versioned(:me, '{"kind": "retry", "fsm_version": 1.5}'),
    'invalid: fsm_version: expected an integer of 32 bits, got 1.5 v1 executing of m v1 start', 'nor is a fraction');
insert into jobs select 'ended', pg_temp.claim(:me);
select is(pg_temp.commit(:me, pg_temp.job('ended'), '{"kind": "done", "fsm_version": 2}'), 'committed', 'what ends');
select is((select s.fsm_version from gd_status((pg_temp.job('ended')).id) as s), 1, 'ends as what it was');
-- Of a chain the step, the version and then what the worker declares.
insert into jobs select 'hot', pg_temp.claim(:me);
select pg_stat_get_xact_tuples_hot_updated('gendurable.instances'::regclass) as hot \gset
select is(pg_temp.commit(:me, pg_temp.job('hot'),
    '{"kind": "next", "step": "two", "continue": true, "fsm_version": 2}'), 'continued',
    'a chain goes on in another version');
select is(pg_stat_get_xact_tuples_hot_updated('gendurable.instances'::regclass), :hot + 1::bigint, 'by a HOT update');
select gd_register('declares',
    info => '{"machines": [{"fsm": "m", "version": 1}, {"fsm": "m", "version": 2, "steps": ["two"]}]}')
    as declares \gset
create function pg_temp.declared(p_worker bigint, p_outcome jsonb) returns text language plpgsql as $$
declare
    v_id  bigint := (select e.id from gd_enqueue('m', queue => 'declared', fsm_version => 1) as e);
    v_job gendurable.job;
begin
    select p.* into v_job from gd_pick(p_worker, 'declared', 1) as p where p.id = v_id;
    return pg_temp.commit(p_worker, v_job, '{"kind": "next", "continue": true}' || p_outcome);
end
$$;
select is(pg_temp.declared(:declares, '{"step": "two", "fsm_version": 2}'), 'continued',
    'it runs ahead in a version that it declares');
select is(pg_temp.declared(:declares, '{"step": "three"}'), 'continued', 'or in the one that it had');
select is(pg_temp.declared(:declares, '{"step": "three", "fsm_version": 2}'), 'committed',
    'not where that version lacks the step');
delete from gendurable.instances where queue = 'declared';
select is(pg_temp.declared(:declares, '{"step": "two", "fsm_version": 3}'), 'committed',
    'nor in a version that it does not declare');

-- The argument itself.
select is_empty(format($$ select gd_commit(%s, '[]') $$, :me), 'no outcomes, no answers');
select throws_ok(format($$ select gd_commit(%s, '{}') $$, :me), 'GD002', 'gendurable: invalid argument',
    'an object is no batch');
select throws_ok(format($$ select gd_commit(%s, null) $$, :me), 'GD002', null, 'null is no batch');

select * from finish();
rollback;
