-- The join: a parent runs once, when every child of its round is terminal.
begin;
\ir ../prelude.psql
select plan(113);

create function pg_temp.family(p_fsm text, p_children text[], p_more jsonb default '{}') returns text
    language plpgsql as $$
begin
    perform pg_temp.put(p_fsm, p_more);
    perform pg_temp.pick(1);
    return pg_temp.commit(p_fsm, 'schedule_children',
        jsonb_build_object('step', 'join', 'children',
            (select jsonb_agg(jsonb_build_object('fsm', c, 'queue', 'a', 'state', '{"of": "it"}'::jsonb))
                from unnest(p_children) as c)));
end
$$;
create function pg_temp.pending(p_fsm text) returns text language sql as $$
    select i.phase || ' ' || v.children_pending from pg_temp.row(p_fsm) as i join gd_instances as v on v.id = i.id $$;

-- One by one, out of order, one of them failed.
select is(pg_temp.family('p', '{c1,c2,c3}'), 'committed', 'three children');
select is(pg_temp.pick(3, 'a'), 'c1 c2 c3', 'they run');
select is(pg_temp.pick(1), '-', 'the parent waits');
select is(pg_temp.commit('c3', 'done', '{"result": {"three": 3}}'), 'committed', 'the last one finishes first');
select is(pg_temp.pending('p'), 'awaiting_children 2', 'it is counted');
select is(pg_temp.commit('c3', 'done'), 'stale', 'sent again it is stale');
select is(pg_temp.pending('p'), 'awaiting_children 2', 'and counts nothing');
select is(pg_temp.commit('c1', 'retry'), 'committed', 'a child that tries again');
select is(pg_temp.pending('p'), 'awaiting_children 2', 'is not terminal');
select is(pg_temp.pick(1, 'a'), 'c1', 'again');
select is(pg_temp.commit('c1', 'stop', '{"error": {"why": "broken"}, "state": {"last": 1}}'), 'committed', 'one fails');
select is(pg_temp.pending('p'), 'awaiting_children 1', 'a failed child releases its slot');
select is(pg_temp.pick(1), '-', 'the parent still waits for one');
select fence as before from pg_temp.row('p') \gset
select is(pg_temp.commit('c2', 'done'), 'committed', 'the last one');
select results_eq($$ select phase::text, joined, eligible_at, fence, step from pg_temp.row('p') $$,
    format($$ values ('ready', true, now(), %s::bigint, 'join') $$, :before),
    'the parent is runnable now, at the step of the join');
select is(pg_temp.pick(9), 'p', 'and runs once');
select is(pg_temp.children('p') - 99, jsonb_build_array(
    jsonb_build_object('id', pg_temp.id('c1'), 'ord', 1, 'fsm', 'c1', 'status', 'failed', 'result', null, 'error',
        '{"why": "broken"}'::jsonb, 'state', '{"last": 1}'::jsonb),
    jsonb_build_object('id', pg_temp.id('c2'), 'ord', 2, 'fsm', 'c2', 'status', 'done', 'result', null, 'error', null,
        'state', '{"of": "it"}'::jsonb),
    jsonb_build_object('id', pg_temp.id('c3'), 'ord', 3, 'fsm', 'c3', 'status', 'done', 'result', '{"three": 3}'::jsonb,
        'error', null, 'state', '{"of": "it"}'::jsonb)),
    'it is handed its children in the order of the batch, whatever the order in which they ended');
select results_eq('select step, attempt from claim where fsm = $$p$$', $$
    values ('join', 0) $$, 'at the step of the join, as a first attempt');

-- What the step was handed stays for a redo, and no longer.
select pg_temp.children('p') as handed \gset
select is(pg_temp.commit('p', 'retry'), 'committed', 'the join step tries again');
select is(pg_temp.pick(9), 'p', 'it runs again');
select is(pg_temp.children('p'), :'handed'::jsonb, 'a retry is handed the same children');
select gd_release(:me, array[pg_temp.id('p')]), pg_temp.pick(9) \g /dev/null
select is(pg_temp.children('p'), :'handed'::jsonb, 'so is a claim that was given back');
select is(pg_temp.commit('p', 'next', '{"step": "after"}'), 'committed', 'it goes on');
select is(pg_temp.pick(9), 'p', 'to the next step');
select is(pg_temp.children('p'), null, 'which is handed null: no join woke it');
select is(pg_temp.commit('p', 'await', '{"names": ["x"], "timeout_ms": 0}'), 'committed', 'an await');
select pg_temp.pick(9) \g /dev/null
select is(pg_temp.children('p'), null, 'nor did a join wake this one');

-- Rounds.
select is(pg_temp.commit('p', 'schedule_children',
    '{"step": "join 2", "children": [{"fsm": "d1", "queue": "a"}, {"fsm": "d2", "queue": "a"}]}'), 'committed',
    'a second round');
select is(pg_temp.pick(9, 'a'), 'd1 d2', 'its children run');
select is(pg_temp.commit_all('{d1,d2}', 'done', '{"result": 1}'), 'committed committed', 'both end in one batch');
select is(pg_temp.pending('p'), 'ready 0', 'one batch may count several children');
select is(pg_temp.pick(9), 'p', 'the parent runs');
select results_eq($$ select x ->> 'fsm', x ->> 'ord' from jsonb_array_elements(pg_temp.children('p')) as x $$, $$
    values ('d1', '1'), ('d2', '2') $$, 'a join hands the children of its own round, numbered from one');
select is(pg_temp.commit('p', 'next', '{"step": "ahead", "continue": true}'), 'continued', 'running ahead from a join');
select is(pg_temp.commit('p', 'retry'), 'committed', 'the step after it fails');
select pg_temp.pick(9) \g /dev/null
select is(pg_temp.children('p'), null, 'it has no children either');
select is(pg_temp.commit('p', 'done'), 'committed', 'the end');

-- Two parents and another worker's row in one batch.
select pg_temp.family('p1', '{e1,e2}'), pg_temp.family('p2', '{f1,f2}'),
    pg_temp.put('lone', '{"queue": "a"}') \g /dev/null
select is(pg_temp.pick(9, 'a'), 'e1 e2 f1 f2 lone', 'two families');
select is(pg_temp.commit_all('{f2,e1,lone,f1}', 'done'), 'committed committed committed committed', 'one batch');
select is(pg_temp.pending('p1') || ', ' || pg_temp.pending('p2'), 'awaiting_children 1, ready 0',
    'each parent is counted its own children');
select is(pg_temp.commit('e2', 'done'), 'committed', 'the last one') ;
select is(pg_temp.pick(9), 'p1 p2', 'both run');

-- Levels.
select pg_temp.family('top', '{mid}') \g /dev/null
select pg_temp.pick(1, 'a') \g /dev/null
select is(pg_temp.commit('mid', 'schedule_children', '{"step": "mid join", "children": [{"fsm": "leaf"}]}'),
    'committed', 'a child has children');
select is((select queue from gendurable.instances where fsm = 'leaf'), 'a', 'a grandchild goes to its parent''s queue');
select is(pg_temp.pending('top'), 'awaiting_children 1', 'a child that waits for its own is not terminal');
select is(pg_temp.pick(9, 'a'), 'leaf', 'the leaf runs');
select is(pg_temp.commit('leaf', 'done', '{"result": "leaf"}'), 'committed', 'the leaf ends');
select is(pg_temp.pending('top') || ', ' || pg_temp.pick(9, 'a'), 'awaiting_children 1, mid',
    'which wakes its parent alone');
select is(pg_temp.children('mid') #>> '{0,result}', 'leaf', 'with its result');
select is(pg_temp.commit('mid', 'done', '{"result": "mid"}'), 'committed', 'the middle ends');
select is(pg_temp.pick(9), 'top', 'which wakes the top');
select is(pg_temp.children('top') #>> '{0,result}', 'mid', 'with the middle''s result');

-- A child that was counted never counts again.
select pg_temp.family('r', '{g1,g2}') \g /dev/null
select pg_temp.pick(9, 'a') \g /dev/null
select is(pg_temp.commit('g1', 'stop'), 'committed', 'a child fails');
select is(gd_retry(pg_temp.id('g1')), 'retried', 'and is revived');
select is(pg_temp.pending('r'), 'awaiting_children 1', 'its parent does not wait for it a second time');
select is(pg_temp.pick(9, 'a'), 'g1', 'it runs');
select is(pg_temp.commit('g1', 'done', '{"result": 2}'), 'committed', 'it ends well');
select is(pg_temp.pending('r'), 'awaiting_children 1', 'it is not counted twice');
select is(pg_temp.commit('g2', 'stop'), 'committed', 'the other one fails');
select is(gd_retry(pg_temp.id('g2')), 'retried', 'and is revived');
select is(pg_temp.pick(9), 'r', 'the parent runs');
select results_eq($$ select x ->> 'fsm', x ->> 'status',
    x ->> 'result' from jsonb_array_elements(pg_temp.children('r')) as x $$, $$
    values ('g1', 'done', '2'), ('g2', 'runnable', null) $$,
    'and sees what has become of them so far');
select is(pg_temp.commit('r', 'schedule_children', '{"children": [{"fsm": "g3", "queue": "z"}]}'), 'committed',
    'a round later');
select is(pg_temp.pick(9, 'a'), 'g2', 'the revived one of the old round');
select is(pg_temp.commit('g2', 'done'), 'committed', 'ends');
select is(pg_temp.pending('r'), 'awaiting_children 1', 'it is not counted in the new round');

-- A round that its parent has given up.
select pg_temp.family('x', '{h1}') \g /dev/null
select is(gd_cancel(pg_temp.id('x')), 1, 'the parent is cancelled');
select is(gd_retry(pg_temp.id('x')), 'retried', 'and revived');
select is(pg_temp.pick(9), 'x', 'it runs');
select is(pg_temp.children('x'), null, 'no join woke it');
select is(pg_temp.commit('x', 'schedule_children', '{"children": [{"fsm": "h2", "queue": "a"}]}'), 'committed',
    'a new round');
select is(pg_temp.pick(9, 'a'), 'h1 h2', 'the children of both rounds');
select is(pg_temp.commit('h1', 'done'), 'committed', 'the old one ends');
select is(pg_temp.pending('x'), 'awaiting_children 1', 'it is not counted in the new round');
select is(pg_temp.commit('h2', 'done'), 'committed', 'the new one ends');
select is(pg_temp.pick(9), 'x', 'the parent runs');
select is(jsonb_path_query_array(pg_temp.children('x'), '$[*].fsm'), '["h2"]', 'and is handed the new one alone');
select pg_temp.family('gone', '{i1}') \g /dev/null
select gd_cancel(pg_temp.id('gone')), pg_temp.pick(9, 'a') \g /dev/null
select is(pg_temp.commit('i1', 'done'), 'committed', 'a child whose parent has ended ends as any other');

-- Keys of the parent.
select pg_temp.family('k', '{j1}', '{"concurrency_key": "K"}'),
    pg_temp.put('rival', '{"concurrency_key": "K"}') \g /dev/null
select is(pg_temp.pick(9), 'rival', 'a waiting parent holds no slot of its key');
select is(pg_temp.pick(9, 'a') || ' ' || pg_temp.commit('j1', 'done'), 'j1 committed', 'its child ends');
select is(pg_temp.phase('k'), 'held', 'it waits for its slot');
select is(pg_temp.pick(9), '-', 'which another instance has');
select is(pg_temp.commit('rival', 'done') || ' ' || pg_temp.pick(9), 'committed k', 'until it is free');
select is(pg_temp.commit('k', 'schedule_children', '{"children": [{"fsm": "j2", "queue": "a"}]}') || ' '
    || pg_temp.pick(9) || ' ' || pg_temp.pick(9, 'a') || ' ' || pg_temp.commit('j2', 'done') || ' ' || pg_temp.pick(9),
    'committed - j2 committed k', 'a slot that no other instance wants is its own at once');
select pg_temp.family('s', '{l1}', '{"correlation_key": "S", "correlation_scope": ["runnable", "executing"]}')
    \g /dev/null
select is((select count(*)::int from gendurable.correlation_keys where key = 'S'), 0,
    'a waiting parent has left a scope without awaiting_children');
select is(pg_temp.pick(9, 'a') || ' ' || pg_temp.commit('l1', 'done'), 'l1 committed', 'its child ends');
select is((select instance_id from gendurable.correlation_keys where key = 'S'), pg_temp.id('s'),
    'woken it has its key again');

-- Joins that ask for no more than the first that fails, or that is done.
create function pg_temp.race(p_fsm text, p_join text, p_children text[]) returns text language plpgsql as $$
begin
    perform pg_temp.put(p_fsm);
    perform pg_temp.pick(99);
    return pg_temp.commit(p_fsm, 'schedule_children',
        jsonb_build_object('step', 'join', 'join', p_join, 'children',
            (select jsonb_agg(jsonb_build_object('fsm', c, 'queue', 'a')) from unnest(p_children) as c)))
           || ' ' || pg_temp.pick(9, 'a');
end
$$;
create function pg_temp.outcome(p_fsm text) returns text language sql as $$
    select string_agg(concat_ws(' ', x ->> 'fsm', x ->> 'status', x #>> '{error,kind}'), ', ')
        from jsonb_array_elements(pg_temp.children(p_fsm)) as x
$$;
select is(pg_temp.race('ff', 'first_failure', '{m1,m2,m3}'), 'committed m1 m2 m3', 'a join of the first failure');
select is(pg_temp.commit('m1', 'done') || ', ' || pg_temp.pending('ff'), 'committed, awaiting_children 2',
    'one that is done is counted');
select is(pg_temp.commit('m2', 'retry', '{"error": {"why": 1}}') || ', ' || pg_temp.pending('ff'),
    'committed, awaiting_children 2', 'one that tries again is no failure');
select is(pg_temp.commit('m3', 'stop') || ', ' || pg_temp.pending('ff'), 'committed, ready 0',
    'the first that fails wakes the parent');
select is(pg_temp.status('m2'), 'failed', 'and the rest is cancelled');
select is(pg_temp.pick(9), 'ff', 'the parent runs');
select is(pg_temp.outcome('ff'), 'm1 done, m2 failed cancelled, m3 failed', 'with all of them');
select is(pg_temp.commit('ff', 'next', '{"step": "on"}') || ' ' || pg_temp.pick(9) || ' ' || pg_temp.pick(9, 'a'),
    'committed ff -', 'once');
select is(pg_temp.race('ff all', 'first_failure', '{n1,n2}'), 'committed n1 n2', 'where none fails');
select is(pg_temp.commit_all('{n1,n2}', 'done') || ', ' || pg_temp.pending('ff all'), 'committed committed, ready 0',
    'it ends with the last one');
select is(pg_temp.race('any', 'any', '{o1,o2,o3}'), 'committed o1 o2 o3', 'a join of any');
select is(pg_temp.commit('o1', 'stop') || ', ' || pg_temp.pending('any'), 'committed, awaiting_children 2',
    'one that fails is counted');
select is(pg_temp.commit('o2', 'done', '{"result": 2}') || ', ' || pg_temp.pending('any'), 'committed, ready 0',
    'the first that is done wakes the parent');
select is(pg_temp.commit('o3', 'done'), 'stale', 'what the rest still sends is stale');
select pg_temp.pick(9) \g /dev/null
select is(pg_temp.outcome('any'), 'o1 failed, o2 done, o3 failed cancelled', 'and it is cancelled');
select is(pg_temp.race('none', 'any', '{p1,p2}'), 'committed p1 p2', 'where all fail');
select is(pg_temp.commit_all('{p1,p2}', 'stop') || ', ' || pg_temp.pending('none'), 'committed committed, ready 0',
    'it ends with the last one');
select is(pg_temp.race('batch', 'any', '{q1,q2,q3}'), 'committed q1 q2 q3', 'in one batch');
select is((select string_agg(a.result, ' ' order by a.n) from (
    select x.result, row_number() over () as n
        from gd_commit(:me, (select jsonb_agg(jsonb_build_object('id', c.id, 'fence', c.fence, 'step', 's', 'continue',
            true, 'kind', case c.fsm when 'q2' then 'done' when 'q1' then 'next' else 'schedule_children' end,
        'children', '[{"fsm": "of q3"}]'::jsonb) order by c.fsm) from claim as c where c.fsm in ('q1', 'q2', 'q3')))
        as x) as a), 'stale committed stale',
        'one that is done, before one that would go on, and one that would have children');
select is(pg_temp.pending('batch') || ', ' || (select string_agg(i.fsm || ' ' || i.status, ' ' order by i.fsm)
    from gd_instances as i where i.fsm ~ '^(of )?q\d'), 'ready 0, q1 failed q2 done q3 failed',
    'those two are cancelled, and nothing of them lives');
select is((select count(*)::int from gendurable.dismissals), 0, 'nothing is left to do');
select is(pg_temp.race('cancelled', 'first_failure', '{r1,r2}'), 'committed r1 r2', 'a child that is cancelled');
select is(gd_cancel(pg_temp.id('r1')) || ', ' || pg_temp.pending('cancelled') || ', ' || pg_temp.status('r2'),
    '1, ready 0, failed', 'has failed');
select is(gd_retry(pg_temp.id('r2')) || ' ' || pg_temp.pick(9, 'a') || ' ' || pg_temp.commit('r2', 'done') || ' '
    || pg_temp.phase('cancelled'), 'retried r2 committed ready',
    'one of the rest may be revived, and counts for nothing');
select is(pg_temp.race('all', 'all', '{s1,s2}') || ' ' || pg_temp.commit('s1', 'stop') || ', '
    || pg_temp.pending('all'), 'committed s1 s2 committed, awaiting_children 1',
    'all is what a join is without a word');
select is(pg_temp.race('odd', 'most', '{t1}'), 'invalid: unknown join most -', 'there is no other join');

select * from finish();
rollback;
