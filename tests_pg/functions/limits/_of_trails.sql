-- The lines of keys that have a trail: from the floors on, beside them, and what came late below one. (What it is for:
-- races/key_trails.sql.)
begin;
select plan(4);

insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue, concurrency_key, rate_limit, entered)
select v.id, now(), now(), now(), v.phase::gendurable.phase, 's', '{}', v.priority, 1, v.fsm, 'q', v.key, v.rate, v.run
from (values (1, 'm', 'held', 0, 'k', null, 5::bigint), (2, 'm', 'held', 0, 'k', null, 9),
    (3, 'm', 'held', 0, 'k', null, 5), (4, 'm', 'held', -1, 'k', null, 5), (5, 'm', 'held', 3, 'k', null, 5),
    (6, 'o', 'held', 0, 'k', null, 5), (7, 'm', 'ready', 0, 'k', null, 5)) as v (id, fsm, phase, priority, key, rate,
    run);
update gendurable.instances set eligible_at = now() - interval '1 day' where id in (1, 2);
create function pg_temp.found(p_phase text, p_most int, p_each int[] default null) returns text language sql as $$
    select string_agg(x.id::text, ' ' order by x.id)
    from gendurable._of_trails(array[row('slot', 'k', 1, '5', now(), '9',
        array[row('held', (select k.id from gendurable.kinds as k where k.fsm = 'm'), 0, now(),
            3)::gendurable.key_floor], 8, '{}')::gendurable.key_trails],
                               p_each, p_phase::gendurable.phase, p_most) as x
$$;
select is(pg_temp.found('held', null), '2 3 4 5 6', 'all but what stands below a floor and is not late');
select is(pg_temp.found('held', 2), '2 4 6', 'of each kind the first');
select is(pg_temp.found('held', 9, '{1}'), '4 6', 'or as many as it is said of the key');
select is(pg_temp.found('ready', 9), '7', 'all of a phase without a floor');

select * from finish();
rollback;
