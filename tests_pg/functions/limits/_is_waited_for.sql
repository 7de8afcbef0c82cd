-- Whether an instance waits for a slot.
begin;
select plan(5);

insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm, queue, concurrency_key, rate_limit, entered)
select v.id, now(), now(), now(), v.phase::gendurable.phase, 's', '{}', v.priority, 1, v.fsm, 'q', v.key, v.rate, v.run
from (values (1, 'm', 'held', 0, 'k', null, 5::bigint), (2, 'm', 'ready', 0, 'l', null, 5)) as v (id, fsm, phase, priority, key, rate, run);
select is((select w.waits from gendurable._is_waited_for('k') as w), true, 'one does');
select is((select w.waits from gendurable._is_waited_for('l') as w), false, 'none does');
select gendurable._move_key_trail('slot', 'k', '{1}') \g /dev/null
select is((select w.waits from gendurable._is_waited_for('k') as w), true, 'the same where the key has a trail');
update gendurable.instances set eligible_at = now() - interval '1 h', entered = gendurable._run(pg_current_xact_id()) where id = 1;
select is((select w.waits from gendurable._is_waited_for('k') as w), true, 'also below its floor');
delete from gendurable.instances where id = 1;
select is((select w.waits from gendurable._is_waited_for('k') as w), false, 'until it is gone');

select * from finish();
rollback;
