-- gendurable._estimates: what ANALYZE saw of each phase and label.
begin;
select plan(5);

insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm,
    queue, concurrency_key, rate_limit)
select now(), now(), now(), v.phase::gendurable.phase, 's', '{}', 0, 1, 'm', v.queue, v.key, v.rate
from (values ('ready', 'a', null, null, 600), ('ready', 'b', 'k:1', 'r:1', 250), ('held', 'b', 'k:2', 'q', 100),
    ('awaiting_signal', 'a', null, null, 50)) as v (phase, queue, key, rate, n)
cross join lateral generate_series(1, v.n);
select is_empty($$ select * from gendurable._estimates('instances_by_queue') $$, 'nothing, before the first ANALYZE');
analyze gendurable.instances;
select set_eq($$ select * from gendurable._estimates('instances_by_queue') $$,
    $$ values ('ready'::gendurable.phase, 'a', 600::bigint), ('ready', 'b', 250), ('held', 'b', 100),
        ('awaiting_signal', 'a', 50) $$, 'by phase and queue');
select set_eq($$ select * from gendurable._estimates('instances_by_key') $$,
    $$ values ('ready'::gendurable.phase, null::text, 600::bigint), ('ready', 'k', 250), ('held', 'k', 100),
        ('awaiting_signal', null, 50) $$,
    'by phase and name of the concurrency key');
select set_eq($$ select * from gendurable._estimates('instances_by_rate') $$,
    $$ values ('ready'::gendurable.phase, null::text, 600::bigint), ('ready', 'r', 250), ('held', 'q', 100),
        ('awaiting_signal', null, 50) $$,
    'by phase and name of the rate limit');
insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm,
    queue)
select now(), now(), now(), 'ready', 's', '{}', 0, 1, 'm', 'a' from generate_series(1, 500);
select is((select e.n from gendurable._estimates('instances_by_queue') as e where e.phase = 'ready' and e.label = 'a'),
    600::bigint, 'as of then');

select * from finish();
rollback;
