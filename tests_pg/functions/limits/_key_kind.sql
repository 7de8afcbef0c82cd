-- The next kind of which an instance of a key stands in a phase.
begin;
select plan(4);

insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue, concurrency_key, rate_limit, weight)
select v.id, now(), now(), now(), v.phase::gendurable.phase, 's', '{}', v.priority, 1, v.fsm, v.queue, v.key, v.rate,
    v.weight
from (values (1, 'q', 'a', 'held', 5, 'k', null, null::float8), (2, 'q', 'b', 'ready', 1, 'k', 'r', null),
    (3, 'p', 'a', 'held', 0, 'k', null, null), (4, 'q', 'c', 'held', 0, 'l', null, null),
    (5, 'q', 'd', 'throttled', 0, null, 'r', null)) as v (id, queue, fsm, phase, priority, key, rate, weight);
create function pg_temp.next(p_sort text, p_key text, p_phase text, p_after bigint default -1,
    p_before bigint default 8388608) returns text language sql as $$
    select k.queue || ' ' || k.fsm
    from gendurable._key_kind(p_sort::gendurable.doorbell_kind, p_key, p_phase::gendurable.phase, p_after, p_before)
        as n join gendurable.kinds as k on k.id = n.kind
$$;
create function pg_temp.kind(p_queue text, p_fsm text) returns int language sql as $$
    select k.id from gendurable.kinds as k where k.queue = p_queue and k.fsm = p_fsm $$;
select is(pg_temp.next('slot', 'k', 'held') || ', ' || pg_temp.next('slot', 'k', 'held', pg_temp.kind('q', 'a')),
    'q a, p a', 'the first one, and the next');
select is(pg_temp.next('slot', 'k', 'held', pg_temp.kind('p', 'a')), null, 'until there is none');
select is(pg_temp.next('slot', 'k', 'held', pg_temp.kind('q', 'a'), pg_temp.kind('p', 'a')), null, 'none between two');
select is(pg_temp.next('tokens', 'r', 'throttled') || ', ' || pg_temp.next('tokens', 'r', 'ready'), 'q d, q b',
    'the same of a rate limit');

select * from finish();
rollback;
