-- View gd_instances: every instance, live and finished.
begin;
select plan(10);

select columns_are('public', 'gd_instances',
    '{id,status,fsm,fsm_version,step,queue,priority,attempt,correlation_key,concurrency_key,rate_limit,parent_id,'
    'worker_id,state,result,error,awaits,await_deadline,children_pending,enqueued_at,eligible_at,updated_at,'
    'finished_at,progress}',
    'the documented columns');
insert into gendurable.instances (id, phase, eligible_at, enqueued_at, updated_at, fsm, fsm_version, step, queue,
    priority, attempt, correlation_key, concurrency_key, rate_limit, parent_id,
                                  worker_id, state, last_error, awaits, round)
values (1001, 'ready', now() - interval '1 s', now() - interval '1 hour', now() - interval '1 minute', 'f', 2, 's', 'q',
    3, 4, 'k', 'c', 'r', 5, null, '{"a": 1}', '{"e": 1}', null, 0),
       (1002, 'executing', now(), now(), now(), 'f', 1, 's', 'q', 0, 0, null, null, null, null, 77, '{}', null, null,
           0),
       (1003, 'awaiting_signal', now() + interval '1 hour', now(), now(), 'f', 1, 's', 'q', 0, 0, null, null, null,
           null, null, '{}', null, '{x,y}', 0),
       (1004, 'awaiting_signal', 'infinity', now(), now(), 'f', 1, 's', 'q', 0, 0, null, null, null, null, null, '{}',
           null, '{x}', 0),
       (1005, 'awaiting_children', now(), now(), now(), 'f', 1, 's', 'q', 0, 0, null, null, null, null, null, '{}',
           null, null, 6),
       (1006, 'scheduled', now() + interval '1 day', now(), now(), 'f', 1, 's', 'q', 0, 0, null, null, null, null, null,
           '{}', null, null, 0),
       (1007, 'held', now(), now(), now(), 'f', 1, 's', 'q', 0, 0, null, 'c', null, null, null, '{}', null, null, 0);
insert into gendurable.finished (id, failed, enqueued_at, finished_at, fence, fsm, fsm_version, step, queue, priority,
    attempt, correlation_key, concurrency_key, rate_limit, parent_id, state, result, error)
values (1008, false, now() - interval '1 hour', now() - interval '1 s', 9, 'f', 2, 's', 'q', 3, 4, 'k', 'c', 'r', 5,
    '{"a": 1}', '{"r": 1}', null),
       (1009, true, now(), now(), 9, 'f', 1, 's', 'q', 0, 0, null, null, null, null, '{}', null, '{"e": 1}');
insert into gendurable.countdowns (parent_id, round, pending) values (1005, 5, 9), (1005, 6, 8), (1005, 6, 7),
    (1002, 0, 3);
select results_eq($$ select id - 1000, status from gd_instances order by id $$,
    $$ values (1::bigint, 'runnable'), (2, 'executing'), (3, 'awaiting_signal'), (4, 'awaiting_signal'),
        (5, 'awaiting_children'), (6, 'runnable'), (7, 'runnable'), (8, 'done'), (9, 'failed') $$,
    'every instance is there once, with its public status');
select results_eq($$ select id, fsm, fsm_version, step, queue, priority, attempt, correlation_key, concurrency_key,
    rate_limit, parent_id, worker_id, state, result, error, awaits, await_deadline,
                            children_pending, enqueued_at, eligible_at, updated_at, finished_at from gd_instances
                            where id = 1001 $$,
    $$ values (1001::bigint, 'f', 2, 's', 'q', 3, 4, 'k', 'c', 'r', 5::bigint, null::bigint, '{"a": 1}'::jsonb,
        null::jsonb, '{"e": 1}'::jsonb, null::text[], null::timestamptz,
               0, now() - interval '1 hour', now() - interval '1 s', now() - interval '1 minute', null::timestamptz) $$,
               'a live one has every field; its error is the last one');
select results_eq($$ select fsm, fsm_version, step, queue, priority, attempt, correlation_key, concurrency_key,
    rate_limit, parent_id, worker_id, state, result, error, awaits, await_deadline,
                            enqueued_at, eligible_at, updated_at, finished_at from gd_instances where id = 1008 $$,
    $$ values ('f', 2, 's', 'q', 3, 4, 'k', 'c', 'r', 5::bigint, null::bigint, '{"a": 1}'::jsonb, '{"r": 1}'::jsonb,
        null::jsonb, null::text[], null::timestamptz,
               now() - interval '1 hour', null::timestamptz, now() - interval '1 s', now() - interval '1 s') $$,
               'a finished one has every field');
select is((select error from gd_instances where id = 1009), '{"e": 1}'::jsonb, 'a failed one has its error');
select is((select worker_id from gd_instances where id = 1002), 77::bigint, 'an executing one has its worker');
select results_eq($$ select awaits, await_deadline, eligible_at from gd_instances where id in (1003, 1004) order by id
    $$,
    $$ values ('{x,y}'::text[], now() + interval '1 hour', null::timestamptz), ('{x}', null, null) $$,
    'a park shows what it awaits and its deadline, and is not eligible');
select results_eq('select children_pending from gd_instances where id in (1002, 1005) order by id', '{0,7}'::int[],
    'a parent that waits shows for how many children of its round');
select is((select eligible_at from gd_instances where id = 1006), now() + interval '1 day',
    'a scheduled one shows when it is eligible');

insert into gendurable.reports (instance_id, at, fence, progress)
select 1000 + i, now() + n * interval '1 s', 1, to_jsonb(n) from unnest('{2,8}'::int[]) as i,
    generate_series(1, 3) as n;
select results_eq('select id - 1000, progress from gd_instances where progress is not null', $$
    values (2::bigint, '3'::jsonb) $$, 'a live one shows the latest that was reported of its progress');

select * from finish();
rollback;
