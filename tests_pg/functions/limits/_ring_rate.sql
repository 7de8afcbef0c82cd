-- Every rate key of a name that has somebody waiting is looked at.
begin;
select plan(2);

insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm, queue, rate_limit)
select now(), now(), now(), v.phase::gendurable.phase, 's', '{}', 0, 1, 'm', 'q', v.key
from (values ('throttled', 'k'), ('throttled', 'k:1'), ('throttled', 'k:1'), ('throttled', 'k:2'), ('executing', 'k:3'), ('throttled', 'kk'), ('throttled', 'k-1'), ('throttled', 'l:k'), ('scheduled', 'k:4'), ('throttled', 'k:z:z')) as v (phase, key);
select gendurable._ring_rate('k') \g /dev/null
select is((select string_agg(key, ' ' order by key collate "C") from gendurable.doorbells where kind = 'tokens'), 'k k:1 k:2 k:z:z', 'the keys of the name for which one waits, and no other''s');
delete from gendurable.doorbells where kind = 'tokens';
select gendurable._ring_rate('nobody') \g /dev/null
select is_empty('select * from gendurable.doorbells', 'a name without keys');

select * from finish();
rollback;
