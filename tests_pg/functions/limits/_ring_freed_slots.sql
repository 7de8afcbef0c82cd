-- A commit rings for the slots that it has given up; the races with who comes to wait meanwhile are in races/slots.sql.
begin;
select plan(3);

create function pg_temp.rung() returns text language sql as $$
    select string_agg(d.key, ' ' order by d.key) from gendurable.doorbells as d $$;
insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue, concurrency_key)
select v.id, now(), now(), now(), v.phase::gendurable.phase, 's', '{}', 0, 1, 'm', 'q', v.key
from (values (101, 'executing', 'goes on'), (102, 'held', 'goes on'), (103, 'awaiting_signal', 'parked'),
    (104, 'held', 'parked'), (105, 'executing', null),
             (106, 'held', 'released'), (107, 'ready', 'none waits'), (108, 'held', 'gone')) as v (id, phase, key);

select gendurable._ring_freed_slots('{101,107}', '{goes on,none waits}') \g /dev/null
select is(pg_temp.rung(), null, 'no doorbell rings where the holder goes on, or no instance waits');
select gendurable._ring_freed_slots('{101,103,105,999}', '{goes on,parked,released,gone}') \g /dev/null
select is(pg_temp.rung(), 'gone parked released',
    'it does for one that waits, where the holder is parked, goes on without its key, or is gone');
select gendurable._ring_freed_slots('{}', '{}') \g /dev/null
select is(pg_temp.rung(), 'gone parked released', 'nothing was given up');

select * from finish();
rollback;
