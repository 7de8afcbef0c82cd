-- How many instances of concurrency keys stand in a phase.
begin;
select plan(11);

insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue, concurrency_key, rate_limit, entered)
select v.id, now(), now(), now(), v.phase::gendurable.phase, 's', '{}', v.priority, 1, v.fsm, 'q', v.key, v.rate, v.run
from (values (1, 'm', 'held', 0, 'k', null, 5::bigint), (2, 'm', 'held', 1, 'k', null, 5),
    (3, 'm', 'ready', 0, 'k', null, 5), (4, 'o', 'held', 0, 'k', null, 5), (5, 'm', 'held', 0, 'l', null, 5),
    (6, 'm', 'executing', 0, 'k', null, 5), (7, 'm', 'held', 0, 'k', null, 5)) as v (id, fsm, phase, priority, key,
    rate, run);
create function pg_temp.counted(p_keys text[], p_phase text, p_most int) returns text language sql as $$
    select string_agg(c.key || c.found, ' ' order by c.key)
        from gendurable._count_of_keys(p_keys, p_phase::gendurable.phase, p_most) as c
$$;
select is(pg_temp.counted('{k,l,m}', 'held', 9) || ', ' || pg_temp.counted('{k,l,m}', 'ready', 9), 'k4 l1 m0, k1 l0 m0',
    'of each key');
select is(pg_temp.counted('{k,l}', 'held', 2), 'k2 l1', 'no more than asked for');
select gendurable._move_key_trail('slot', 'k', '{7}') \g /dev/null
select is(pg_temp.counted('{k,l,m}', 'held', 9) || ', ' || pg_temp.counted('{k,l,m}', 'ready', 9), 'k4 l1 m0, k1 l0 m0',
    'the same where a key has a trail');
select gendurable._move_key_trail('slot', 'k', '{1,2,3,4,7}') \g /dev/null
select is(pg_temp.counted('{k,l,m}', 'held', 9), 'k4 l1 m0', 'with a floor for each line');
insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue, concurrency_key, entered)
values (8, now(), now(), now(), 'held', 's', '{}', -1, 1, 'm', 'q', 'k', 5);
select is(pg_temp.counted('{k}', 'held', 9), 'k5', 'what stands before the first floor is counted');
delete from gendurable.instances where id = 8;
update gendurable.instances set entered = gendurable._run(pg_current_xact_id()) where id = 4;
select is(pg_temp.counted('{k}', 'held', 9), 'k4', 'what came since the bound is counted once, behind a floor as well');
update gendurable.instances set entered = 5 where id = 4;
update gendurable.instances set eligible_at = now() - interval '1 h', entered = gendurable._run(pg_current_xact_id())
    where id in (1, 2);
select is(pg_temp.counted('{k}', 'held', 9), 'k4', 'what stands below the floors is counted by its run');
update gendurable.key_trails set bound = gendurable._run(pg_current_xact_id()) + 1,
    pending = array[pg_current_xact_id()] where key = 'k';
select is(pg_temp.counted('{k}', 'held', 9), 'k4', 'also in a run that is pending');
update gendurable.instances set entered = gendurable._run(pg_current_xact_id()) where id = 4;
select is(pg_temp.counted('{k}', 'held', 9), 'k4', 'and once where it stands behind a floor');
update gendurable.key_trails set pending = '{}' where key = 'k';
select is(pg_temp.counted('{k}', 'held', 9), 'k2', '(what is in neither is not met)');
delete from gendurable.instances where concurrency_key = 'k';
select is(pg_temp.counted('{k,l}', 'held', 9), 'k0 l1', 'none');

select * from finish();
rollback;
