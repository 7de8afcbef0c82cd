-- What came into a phase in a run, before a place.
begin;
select plan(3);

insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue, concurrency_key, rate_limit, entered)
select v.id, now(), now(), now(), v.phase::gendurable.phase, 's', '{}', v.priority, 1, v.fsm, 'q', v.key, v.rate, v.run
from (values (1, 'm', 'held', 0, 'k', null, 5::bigint), (2, 'm', 'held', 0, 'k', null, 5),
    (3, 'm', 'held', 1, 'k', null, 5), (4, 'm', 'held', 0, 'k', null, 6), (5, 'o', 'held', 0, 'k', null, 5),
    (6, 'm', 'held', 0, 'k', null, 5), (7, 'm', 'throttled', 0, null, 'r', 5)) as v (id, fsm, phase, priority, key,
    rate, run);
select (select k.id from gendurable.kinds as k where k.fsm = 'm') as m \gset
select results_eq(format($$
    select r.id from gendurable._key_latecomers('slot', 'k', 'held', 5, %s, 0, now(), 6, null) as r $$, :m),
    '{1,2}'::bigint[], 'of one run, kind and priority what stands before the place');
select results_eq(format($$
    select r.id from gendurable._key_latecomers('slot', 'k', 'held', 5, %s, 0, 'infinity', 0, 1) as r $$, :m),
    '{1}'::bigint[], 'no more than asked for');
select results_eq(format($$
    select r.id from gendurable._key_latecomers('tokens', 'r', 'throttled', 5, %s, 0, 'infinity', 0, 9) as r $$, :m),
    '{7}'::bigint[], 'the same of a rate limit');

select * from finish();
rollback;
