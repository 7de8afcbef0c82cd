-- The floors of a key's lines rise to the first instance of each. (Beside others: races/key_trails.sql.)
begin;
select plan(5);

insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue, concurrency_key, rate_limit, entered)
select v.id, now(), now(), now(), v.phase::gendurable.phase, 's', '{}', v.priority, 1, v.fsm, 'q', v.key, v.rate, v.run
from (values (1, 'm', 'held', 0, 'k', null, 5::bigint), (2, 'm', 'held', 1, 'k', null, 5),
    (3, 'm', 'held', 0, 'k', null, 5), (4, 'm', 'throttled', 0, null, 'k', 5)) as v (id, fsm, phase, priority, key,
    rate, run);
create function pg_temp.floors(p_sort text default 'slot') returns text language sql as $$
    select string_agg(format('%s %s %s', f.phase, f.priority, case when isfinite(f.at) then f.id::text else '-' end),
        ', ' order by f.phase, f.priority)
    from gendurable._key_trail(p_sort::gendurable.doorbell_kind, 'k') as t cross join unnest(t.floors) as f
$$;
select gendurable._move_key_trail('slot', 'k', '{1}') \g /dev/null
select is(pg_temp.floors(), 'ready 0 -, held 0 1', 'a line has a floor from the time on at which one has left it');
delete from gendurable.instances where id = 1;
select gendurable._move_key_trail('slot', 'k', '{2,3}') \g /dev/null
select is(pg_temp.floors(), 'ready 0 -, ready 1 -, held 0 3, held 1 2', 'each priority one of its own');
select is((select count(*)::int from gendurable.key_trails), 1, 'the row before it is deleted');
select gendurable._move_key_trail('tokens', 'k', '{4}') \g /dev/null
select is(pg_temp.floors('tokens'), 'ready 0 -, throttled 0 4', 'a rate limit has its own');
insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue, concurrency_key, rate_limit, entered)
select v.id, now(), now(), now(), v.phase::gendurable.phase, 's', '{}', v.priority, 1, v.fsm, 'q', v.key, v.rate, v.run
from (values (100, 'm', 'held', 0, 'k', null, 5::bigint)) as v (id, fsm, phase, priority, key, rate, run);
insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue, concurrency_key, entered)
select 100 + n, now(), now(), now(), 'held', 's', '{}', n, 1, 'm', 'q', 'k', 5 from generate_series(1, 50) as n;
select gendurable._move_key_trail('slot', 'k', array(select i.id from gendurable.instances as i)) \g /dev/null
select is((select cardinality(t.floors) from gendurable._key_trail('slot', 'k') as t), 32, 'no more than thirty-two');

select * from finish();
rollback;
