-- The floor under the offering of slots: a waiting key that no doorbell announces is found.
begin;
\ir ../prelude.psql
select plan(8);

select is(gendurable._sweep_slots(), 0, 'no instance waits, so nothing is found');
insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm,
    queue, concurrency_key)
select now(), now(), now(), v.phase::gendurable.phase, 's', '{}', 0, 1, v.fsm, 'q', v.key
from (values ('stranded', 'held', 's:1'), ('stranded too', 'held', 's:1'), ('alone', 'held', 'alone'),
    ('holder', 'executing', 'full'), ('waits', 'held', 'full'), ('offered', 'ready', 'offered'),
    ('next', 'held', 'offered'),
             ('rung', 'held', 'rung'), ('stopped', 'held', 'zero'), ('one of two', 'executing', 'two'),
             ('two of two', 'held', 'two'), ('plain', 'held', null), ('scheduled', 'scheduled', 'later')) as v (fsm,
             phase, key);
select gd_set_concurrency_limit('zero', 0), gd_set_concurrency_limit('two', 2) \g /dev/null
delete from gendurable.doorbells where kind <> 'tokens';
insert into gendurable.doorbells (kind, key) values ('slot', 'rung');
savepoint untold;
insert into gendurable.doorbells (kind, key) values ('concurrency_limit', 's'), ('concurrency_limit', 'tw');
insert into gendurable.doorbells (kind, key) values ('slot', 's:1:1');
select is(gendurable._sweep_slots(), 2, 'a key of a name that was rung for has been told');
rollback to untold;
select is(gendurable._sweep_slots(), 3,
    'it answers for how many keys an instance waits though a slot is free and no doorbell rings');
select is((select string_agg(key, ' ' order by key) from gendurable.doorbells where kind = 'slot'),
    'alone rung s:1 two', 'it rings for exactly those');
select is(gendurable._sweep_slots(), 0, 'once');
select is(pg_temp.pick(99), 'stranded alone offered rung two of two scheduled', 'the next pick hands them over');
select is((select affected from gd_maintain() where task = 'sweep'), 0::bigint, 'nothing is stranded by a pick');
delete from gendurable.doorbells where kind <> 'tokens';
update gendurable.instances set phase = 'awaiting_signal', eligible_at = 'infinity' where fsm = 'stranded';
select is((select affected from gd_maintain() where task = 'sweep'), 1::bigint, 'gd_maintain sweeps and counts');

select * from finish();
rollback;
