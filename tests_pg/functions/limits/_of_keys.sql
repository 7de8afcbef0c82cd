-- The first instances of keys in a phase, kind by kind.
begin;
select plan(5);

insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue, concurrency_key, rate_limit, weight)
select v.id, now(), now(), now(), v.phase::gendurable.phase, 's', '{}', v.priority, 1, v.fsm, v.queue, v.key, v.rate,
    v.weight
from (values (1, 'q', 'a', 'held', 5, 'k', null, null::float8), (2, 'q', 'a', 'held', 1, 'k', null, null),
    (3, 'q', 'a', 'held', 6, 'k', null, null), (4, 'q', 'b', 'held', 9, 'k', null, null),
             (5, 'p', 'a', 'held', 0, 'l', null, null), (6, 'p', 'a', 'held', 2, 'l', null, null),
             (7, 'p', 'a', 'ready', 2, 'l', 'r', null), (8, 'p', 'a', 'throttled', 2, 'l', 'r', null)) as v (id, queue,
             fsm, phase, priority, key, rate, weight);
create function pg_temp.found(p_sort text, p_keys text[], p_phase text, p_most int, p_each int[] default null)
    returns text language sql as $$
    select string_agg(x.key || x.id, ' ' order by x.id)
        from gendurable._of_keys(p_sort::gendurable.doorbell_kind, p_keys, p_phase::gendurable.phase, p_most, p_each)
        as x
$$;
select is(pg_temp.found('slot', '{k,l,m}', 'held', 1), 'k2 k4 l5', 'of each key and kind the first');
select is(pg_temp.found('slot', '{k,l}', 'held', 2), 'k1 k2 k4 l5 l6', 'or more');
select is(pg_temp.found('slot', '{k,l}', 'held', 1, '{2,null}'), 'k1 k2 k4 l5', 'or as many as it is said of each');
select is(pg_temp.found('slot', '{k,l}', 'held', null), 'k1 k2 k3 k4 l5 l6', 'or all');
select is(pg_temp.found('tokens', '{r}', 'ready', 9) || ' ' || pg_temp.found('tokens', '{r}', 'throttled', 9), 'r7 r8',
    'the same of rate limits');

select * from finish();
rollback;
