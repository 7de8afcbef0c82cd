-- The queues in which instances wait for a slot.
begin;
select plan(3);

insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm, queue, concurrency_key)
select now(), now(), now(), v.phase::gendurable.phase, 's', '{}', 0, 1, 'm', v.queue, v.key
from (values ('held', 'a', 'k'), ('held', 'a', 'k'), ('held', 'b', 'k'), ('ready', 'c', 'k'), ('executing', 'd', 'k'), ('held', 'a', 'l'), ('held', 'e', 'm'), ('scheduled', 'f', 'k')) as v (phase, queue, key);
select set_eq($$ select key || ' ' || queue from gendurable._waiting_queues('{k,l,nobody}') $$, $$ values ('k a'), ('k b'), ('l a') $$, 'each key and queue in which one is held, once');
select is_empty($$ select * from gendurable._waiting_queues('{}') $$, 'no keys');
select is_empty($$ select * from gendurable._waiting_queues(null) $$, 'nothing');

select * from finish();
rollback;
