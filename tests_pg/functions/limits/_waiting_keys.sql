-- The keys of names of which instances wait.
begin;
select plan(5);

insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue, concurrency_key, rate_limit, weight)
select v.id, now(), now(), now(), v.phase::gendurable.phase, 's', '{}', v.priority, 1, v.fsm, v.queue, v.key, v.rate,
    v.weight
from (values (1, 'q', 'a', 'held', 0, 'k', null, null::float8), (2, 'q', 'a', 'held', 0, 'k:1', null, null),
    (3, 'q', 'a', 'held', 0, 'k:1', null, null), (4, 'q', 'a', 'held', 0, 'kk', null, null),
    (5, 'q', 'a', 'ready', 0, 'k:2', null, null),
             (6, 'q', 'a', 'held', 0, 'l:k', null, null), (7, 'q', 'a', 'throttled', 0, null, 'k:3', null),
             (8, 'q', 'a', 'ready', 0, null, 'k:4', null)) as v (id, queue, fsm, phase, priority, key, rate, weight);
select set_eq($$ select unnest(gendurable._waiting_keys('slot', '{k}')) $$, '{k,k:1}'::text[],
    'of one name, each once');
select set_eq($$ select unnest(gendurable._waiting_keys('slot', '{k,l}')) $$, '{k,k:1,l:k}'::text[], 'of several');
select set_eq($$ select unnest(gendurable._waiting_keys('slot', array[''])) $$, '{k,k:1,kk,l:k}'::text[], 'of all');
select set_eq($$ select unnest(gendurable._waiting_keys('tokens', '{k}')) $$, '{k:3}'::text[],
    'those that wait for tokens');
select is(gendurable._waiting_keys('slot', '{nobody}'), '{}', 'none');

select * from finish();
rollback;
