-- How many may execute of a key, and how many slots are free.
begin;
select plan(6);

insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm,
    queue, concurrency_key)
select now(), now(), now(), v.phase::gendurable.phase, 's', '{}', 0, 1, 'm', 'q', v.key
from (values ('executing', 'one:a'), ('held', 'one:b'), ('ready', 'one:b'), ('executing', 'three:a'),
    ('ready', 'three:a'), ('executing', 'three:b'), ('executing', 'none')) as v (phase, key);
select gd_set_concurrency_limit('three', 3), gd_set_concurrency_limit('none', 0) \g /dev/null
create function pg_temp.capacity(p_key text) returns text language sql as $$
    select c.most || ' ' || c.free from gendurable._capacity(p_key) as c $$;

select is(pg_temp.capacity('one:a'), '1 0', 'one may execute where no limit is set');
select is(pg_temp.capacity('one:b'), '1 1', 'neither what waits nor what was offered a slot holds one');
select is(pg_temp.capacity('three:a'), '3 2', 'the limit is that of the name, the count that of the key');
select is(pg_temp.capacity('three'), '3 3', 'a key need not have a partition');
select is(pg_temp.capacity('none'), '0 0', 'what executes beyond the limit makes no slot negative');
select gd_drop_concurrency_limit('three') \g /dev/null
select is(pg_temp.capacity('three:a'), '1 0', 'a limit that is dropped is one');

select * from finish();
rollback;
