-- What the hot calls read, on 100,000 live and 100,000 finished instances: index entries in proportion to the batch, and no table from end to end.
--
-- (Everything here is one transaction, so entries of rows that it replaced are still there and are read too: hence the slack.)
begin;
\ir prelude.psql
select plan(33);

insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm, queue, concurrency_key, rate_limit,
                                  worker_id, claimed_at, fence)
select now(), case p.phase when 'scheduled' then now() + interval '1 day' when 'awaiting_signal' then 'infinity' else now() - interval '1 hour' end,
       now(), p.phase::gendurable.phase, 'start', '{}', case p.phase when 'ready' then 0 else -1 end, 1, 'F', 'default',
       case p.phase when 'held' then 'hot' end, case p.phase when 'throttled' then 'frozen' end,
       case p.phase when 'executing' then 1 end, case p.phase when 'executing' then now() end, 0
from (values ('ready', 50000), ('scheduled', 15000), ('held', 15000), ('throttled', 5000), ('executing', 5000), ('awaiting_signal', 10000)) as p (phase, n)
cross join lateral generate_series(1, p.n);
insert into gendurable.finished (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm, step, queue, state)
select nextval('gendurable.instances_id_seq'), now(), now(), 2, 0, 0, 1, false, 'F', 'start', 'default', '{}' from generate_series(1, 100000);
select gd_set_rate_limit('frozen', 0, '1 s');
select gd_set_rate_limit('mail', 1000000, '1 s');
insert into gendurable.buckets (key, tokens, refilled_at, due_at) values ('frozen', 0, now(), 'infinity');
delete from gendurable.refills;
-- Worker 1 is in the middle of 5,000 steps; worker 2 is the one that is looked at. The saturated key is held by worker 1.
select gd_register('busy', lease => '1 hour');
select gd_register('looked at', lease => '1 hour');
update gendurable.instances as i set concurrency_key = 'hot'
where i.id = (select min(e.id) from gendurable.instances as e where e.phase = 'executing');
analyze gendurable.instances, gendurable.finished;

create function test.outcomes(rows text, more jsonb) returns text
language plpgsql as $$
declare
    v_outcomes jsonb;
begin
    execute format('select jsonb_agg(jsonb_build_object(''id'', id, ''fence'', fence) || %L) from %s', more, outcomes.rows) into v_outcomes;
    return format('select * from gd_commit(2, %L)', v_outcomes);
end
$$;
comment on function test.outcomes is 'The same outcome for each row of a table (id, fence), as a call of gd_commit.';

create function test.claims(name text, n int) returns void
language plpgsql as $$
begin
    execute format('create temporary table %I on commit drop as select * from gd_pick(2, ''default'', %s)', name, n);
end
$$;

select test.cheap('pick', 'select * from gd_pick(2, ''default'', 100)', 200);
select is((select count(*) from answer), 100::bigint, '… found its hundred');
create temporary table mine on commit drop as select * from answer;
select test.cheap('run ahead', test.outcomes('mine', '{"kind": "next", "step": "b", "continue": true}'), 600);
select is((select count(*) from answer where result = 'continued'), 100::bigint, '… all continued');
create temporary table ahead on commit drop as select * from answer;
select test.cheap('next', test.outcomes('ahead', '{"kind": "next", "step": "c"}'), 1200);
select is((select count(*) from answer where result = 'committed'), 100::bigint, '… all committed');
select test.claims('a', 100);
select test.cheap('done', test.outcomes('a', '{"kind": "done"}'), 600);
select is((select count(*) from answer where result = 'committed'), 100::bigint, '… all committed');
select test.claims('b', 100);
select test.cheap('stop', test.outcomes('b', '{"kind": "stop"}'), 600);
select test.claims('c', 100);
select test.cheap('retry', test.outcomes('c', '{"kind": "retry", "delay_ms": 60000}'), 600);
select test.claims('d', 100);
select test.cheap('await', test.outcomes('d', '{"kind": "await", "names": ["go"], "timeout_ms": 60000}'), 600);
select test.claims('e', 20);
select test.cheap('schedule_children', test.outcomes('e', '{"kind": "schedule_children", "children": [{"fsm": "C", "priority": -9}, {"fsm": "C", "priority": -9}]}'), 600);
select test.claims('f', 40);
select is((select count(*) from f where f.parent_id is not null), 40::bigint, 'the children come first');
select test.cheap('the last children of twenty parents', test.outcomes('f', '{"kind": "done"}'), 600);
select test.cheap('pick of those that a join woke', 'select * from gd_pick(2, ''default'', 20)', 1000);
select test.cheap('a commit that is stale throughout', test.outcomes('a', '{"kind": "done"}'), 600);

select test.cheap('signal by id', format('select gd_signal(%s::bigint, ''go'')', (select min(d.id) from d)), 5);
select test.cheap('signals', format('select * from gd_signal_many(%L)', (select jsonb_agg(jsonb_build_object('id', d.id, 'name', 'go')) from d)), 1200);
select test.cheap('enqueue', 'select * from gd_enqueue(''F'', correlation_key => ''order-1'')', 5);
select test.cheap('signal by key', 'select gd_signal(''order-1'', ''go'')', 5);
select test.cheap('enqueue of many', $$ select * from gd_enqueue_many((select jsonb_agg(jsonb_build_object('fsm', 'F', 'correlation_key', g::text)) from generate_series(1, 100) as g)) $$, 300);

-- The plans above were made where gd_pick was the first to need them. Now gd_commit is.
discard plans;
select test.claims('g', 1);
select count(*) from gd_enqueue_many((select jsonb_agg(jsonb_build_object('fsm', 'K', 'priority', 1, 'concurrency_key', 'one:' || g)) from generate_series(1, 100) as g));
select test.cheap('running ahead beside a hundred new keys', test.outcomes('g', '{"kind": "next", "step": "b", "continue": true}'), 1500);

-- Keys and rates: what was enqueued is offered, admitted, finished and handed on at a cost of its own number.
select count(*) from gd_enqueue_many((select jsonb_agg(jsonb_build_object('fsm', 'K', 'priority', -5, 'concurrency_key', 'key:' || g % 100)) from generate_series(1, 200) as g));
select test.cheap('pick of a hundred keys', 'select * from gd_pick(2, ''default'', 100)', 1500);
select is((select count(distinct concurrency_key) from answer), 100::bigint, '… one of each');
create temporary table keyed on commit drop as select * from answer;
select test.cheap('done of a hundred keys', test.outcomes('keyed', '{"kind": "done"}'), 1000);
select test.cheap('pick of those that the keys were handed to', 'select * from gd_pick(2, ''default'', 100)', 1500);
select count(*) from gd_enqueue_many((select jsonb_agg(jsonb_build_object('fsm', 'R', 'priority', -6, 'rate_limit', 'mail')) from generate_series(1, 100) as g));
select test.cheap('pick of a hundred under a rate limit', 'select * from gd_pick(2, ''default'', 90)', 1500);
select is((select count(*) from answer where fsm = 'R'), 90::bigint, '… they come first');

select test.cheap('heartbeat', 'select * from gd_heartbeat(2)', 5);
select test.cheap('next_due', 'select gd_next_due(''default'')', 20);
select test.cheap('status', format('select * from gd_status(%s::bigint)', (select min(d.id) from d)), 5);
select test.cheap('reap of nobody', 'select gd_reap()', 1200);
select test.cheap('release of a hundred', format('select gd_release(2, %L)', (select array_agg(keyed.id) from keyed)), 400);

select * from finish();
rollback;
