-- In which queues instances are runnable, and why one hands none out.
begin;
select plan(2);

select test.up_for_ever();

select is_empty('select * from gendurable._runnable_queues()', 'no instances, no queues');
insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm,
    queue)
select now(), now(), now(), v.phase::gendurable.phase, 's', '{}', 0, 1, 'm', v.queue
from (values ('ready', 'served'), ('ready', 'served'), ('held', 'served'), ('throttled', 'paused'),
    ('scheduled', 'deserted'), ('executing', 'busy'), ('awaiting_signal', 'parked'), ('ready', 'deserted'),
    ('ready', 'stopped'), ('ready', 'full')) as v (phase, queue);
select gd_register('w', '{served,paused,stopped,full}'), gd_register('dead', '{deserted}'), gd_pause('paused'),
       gd_set_queue_limit('stopped', 0), gd_set_queue_limit('full', 1), gd_set_queue_limit('paused', 0) \g /dev/null
update gendurable.leases set lease_until = now() - interval '1 s'
    where worker_id = (select w.id from gendurable.workers as w where w.name = 'dead');
select set_eq('select phase::text, queue, reason from gendurable._runnable_queues()',
    $$ values ('ready', 'served', null), ('held', 'served', null), ('throttled', 'paused', 'queue_paused'),
        ('scheduled', 'deserted', 'no_worker'), ('ready', 'deserted', 'no_worker'),
              ('ready', 'stopped', 'queue_limit'), ('ready', 'full', null) $$,
    'each with every phase in which it has one, and the reason of the queue');

select * from finish();
rollback;
