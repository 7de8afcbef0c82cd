-- The first instances of a key, a phase and a kind, from a place on.
begin;
select plan(5);

insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue, concurrency_key, rate_limit, weight)
select v.id, now(), now(), now(), v.phase::gendurable.phase, 's', '{}', v.priority, 1, v.fsm, v.queue, v.key, v.rate,
    v.weight
from (values (1, 'q', 'm', 'held', 5, 'k', null, null), (2, 'q', 'm', 'held', 1, 'k', 'r', 2.5),
    (3, 'q', 'm', 'ready', 0, 'k', 'r', null), (4, 'q', 'o', 'held', 0, 'k', null, null),
             (5, 'q', 'm', 'throttled', 7, null, 'r', 1), (6, 'q', 'm', 'held', 0, 'k:1', null, null),
             (7, 'q', 'm', 'held', 5, 'k', null, null), (8, 'q', 'm', 'executing', 0, 'k', 'r', null)) as v (id, queue,
             fsm, phase, priority, key, rate, weight);
select (select k.id from gendurable.kinds as k where k.fsm = 'm') as m \gset
create function pg_temp.rows(p_sort text, p_key text, p_phase text, p_kind int, p_priority int default -2147483648,
    p_id bigint default 0, p_until bigint default 2147483648, p_most int default null) returns text
language sql as $$
    select string_agg(r.id || coalesce(':' || r.weight, ''), ' ')
    from gendurable._key_rows(p_sort::gendurable.doorbell_kind, p_key, p_phase::gendurable.phase, p_kind, p_priority,
        case when p_id = 0 then '-infinity' else now() end, p_id, p_until, p_most) as r
$$;
select is(pg_temp.rows('slot', 'k', 'held', :m), '2:2.5 1 7', 'of one kind and key those that are held, in order');
select is(pg_temp.rows('slot', 'k', 'held', :m, 5, 2) || ', ' || pg_temp.rows('slot', 'k', 'held', :m, p_until => 5),
    '7, 2:2.5', 'from a place on, and before a priority');
select is(pg_temp.rows('slot', 'k', 'held', :m, p_most => 2), '2:2.5 1', 'no more than asked for');
select is(pg_temp.rows('tokens', 'r', 'throttled', :m) || ', ' || pg_temp.rows('tokens', 'r', 'ready', :m), '5:1, 3',
    'the same of a rate limit');
select is(pg_temp.rows('slot', 'r', 'held', :m), null, 'which is no concurrency key');

select * from finish();
rollback;
