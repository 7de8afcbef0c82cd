-- Every key of a name that has somebody waiting is looked at.
begin;
select plan(2);

insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm, queue, concurrency_key)
select now(), now(), now(), v.phase::gendurable.phase, 's', '{}', 0, 1, 'm', 'q', v.key
from (values ('held', 'k'), ('held', 'k:1'), ('held', 'k:1'), ('held', 'k:2'), ('executing', 'k:3'), ('ready', 'k:5'), ('held', 'kk'), ('held', 'k-1'), ('held', 'l:k'), ('scheduled', 'k:4'), ('held', 'K'), ('held', 'k:z:z')) as v (phase, key);
select gendurable._ring_name('k') \g /dev/null
select is((select string_agg(key, ' ' order by key collate "C") from gendurable.handovers), 'k k:1 k:2 k:z:z', 'the keys of the name for which one waits, and no other''s');
delete from gendurable.handovers;
select gendurable._ring_name('nobody') \g /dev/null
select is_empty('select * from gendurable.handovers', 'a name without keys');

select * from finish();
rollback;
