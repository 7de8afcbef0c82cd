-- View gd_queues: every queue and its depth.
begin;
select plan(4);
select test.up_for_ever();

select columns_are('public', 'gd_queues',
    '{queue,paused,ready,scheduled,held,executing,awaiting,depth,oldest_ready_age,next_due,workers,max_executing}',
    'the documented columns');
select is_empty('select * from gd_queues', 'nothing known, no queues');
insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue, worker_id)
select 1000 + v.n, now(), now() + v.at::interval, now(), v.phase::gendurable.phase, 's', '{}', 0, 1, 'm', v.queue,
    case v.phase when 'executing' then 1 end
from (values (1, 'ready', '-5 s', 'full'), (2, 'ready', '-7 s', 'full'), (3, 'scheduled', '1 hour', 'full'),
    (4, 'scheduled', '2 hours', 'full'), (5, 'scheduled', '3 hours', 'full'),
             (6, 'held', '-1 day', 'full'), (7, 'executing', '-1 day', 'full'),
             (8, 'awaiting_signal', '30 minutes', 'full'), (9, 'awaiting_children', '-1 day', 'full'),
             (10, 'held', '0', 'full'), (11, 'held', '0', 'full'), (12, 'held', '0', 'full'),
             (13, 'scheduled', '-9 s', 'due'), (14, 'scheduled', '0', 'due'),
             (15, 'awaiting_children', '0', 'quiet')) as v (n, phase, at, queue);
insert into gendurable.queues (name, paused, max_executing) values ('paused', true, null), ('resumed', false, 3);
select gd_register('w1', '{full,served}') as w1, gd_register('w2', '{full,full}') as w2,
    gd_register('dead', '{full,deserted}') as dead \gset
update gendurable.leases set lease_until = now() - interval '1 s' where worker_id = :dead;
select results_eq($$ select queue, paused, ready, scheduled, held, executing, awaiting, depth, oldest_ready_age,
    next_due - now(), workers, max_executing from gd_queues order by queue $$,
    $$ values ('due', false, 2::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 2::bigint, interval '9 s',
        null::interval, 0::bigint, null::int),
              ('full', false, 2, 3, 4, 1, 2, 9, '7 s', '30 minutes', 2, null),
              ('paused', true, 0, 0, 0, 0, 0, 0, null, null, 0, null),
              ('quiet', false, 0, 0, 0, 0, 1, 0, null, null, 0, null),
              ('resumed', false, 0, 0, 0, 0, 0, 0, null, null, 0, 3),
              ('served', false, 0, 0, 0, 0, 0, 0, null, null, 1, null) $$,
    'every queue with instances, live workers, a pause or a limit; depth is ready, scheduled and held; what is due is '
    'ready; a worker counts once');
select gd_enqueue('m', queue => 'ever', eligible_at => '-infinity') \g /dev/null
select results_eq($$ select ready, oldest_ready_age from gd_queues where queue = 'ever' $$, $$
    values (1::bigint, now() - timestamptz 'epoch') $$,
    'what is eligible since ever is as old as the epoch');

select * from finish();
rollback;
