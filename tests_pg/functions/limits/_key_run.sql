-- The next run in which an instance of a key came into a phase.
begin;
select plan(4);

insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue, concurrency_key, rate_limit, entered)
select v.id, now(), now(), now(), v.phase::gendurable.phase, 's', '{}', v.priority, 1, v.fsm, 'q', v.key, v.rate, v.run
from (values (1, 'm', 'held', 0, 'k', null, 5::bigint), (2, 'm', 'held', 0, 'k', null, 7),
    (3, 'm', 'ready', 0, 'k', 'r', 6), (4, 'm', 'held', 0, 'k', null, null), (5, 'm', 'throttled', 0, null, 'r', 8),
    (6, 'm', 'executing', 0, 'k', null, 6)) as v (id, fsm, phase, priority, key, rate, run);
select is((select n.run from gendurable._key_run('slot', 'k', 'held', 0) as n), 5::bigint, 'the first');
select is((select n.run from gendurable._key_run('slot', 'k', 'held', 6) as n), 7::bigint, 'the next');
select is_empty($$ select * from gendurable._key_run('slot', 'k', 'held', 8) $$, 'none');
select is((select n.run from gendurable._key_run('tokens', 'r', 'throttled', 0) as n) + (select n.run
    from gendurable._key_run('tokens', 'r', 'ready', 0) as n), 14::bigint, 'the same of a rate limit');

select * from finish();
rollback;
