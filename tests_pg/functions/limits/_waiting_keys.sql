-- The keys of names of which instances wait.
begin;
select plan(9);

insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue, concurrency_key, rate_limit, weight)
select v.id, now(), now(), now(), v.phase::gendurable.phase, 's', '{}', v.priority, 1, v.fsm, v.queue, v.key, v.rate,
    v.weight
from (values (1, 'q', 'a', 'held', 0, 'k', null, null::float8), (2, 'q', 'a', 'held', 0, 'k:1', null, null),
    (3, 'q', 'a', 'held', 0, 'k:1', null, null), (4, 'q', 'a', 'held', 0, 'kk', null, null),
    (5, 'q', 'a', 'ready', 0, 'k:2', null, null),
             (6, 'q', 'a', 'held', 0, 'l:k', null, null), (7, 'q', 'a', 'throttled', 0, null, 'k:3', null),
             (8, 'q', 'a', 'ready', 0, null, 'k:4', null)) as v (id, queue, fsm, phase, priority, key, rate, weight);
select set_eq($$ select unnest((gendurable._waiting_keys('slot', '{k}', '', 99)).keys) $$, '{k,k:1}'::text[],
    'of one name, each once');
select set_eq($$ select unnest((gendurable._waiting_keys('slot', '{k,l}', '', 99)).keys) $$, '{k,k:1,l:k}'::text[],
    'of several');
select set_eq($$ select unnest((gendurable._waiting_keys('slot', array[''], '', 99)).keys) $$, '{k,k:1,kk,l:k}'::text[],
    'of all');
select set_eq($$ select unnest((gendurable._waiting_keys('tokens', '{k}', '', 99)).keys) $$, '{k:3}'::text[],
    'those that wait for tokens');
select is((gendurable._waiting_keys('slot', '{nobody}', '', 99)).keys, '{}', 'none');
select is((gendurable._waiting_keys('slot', '{k,l}', '', 99)).last, null, 'it has come to the end');
-- Two at a time.
select is(gendurable._waiting_keys('slot', '{k,l}', '', 2)::text, '("{k,k:1}",k:1)',
    'the first ones, and where it has stopped');
select is(gendurable._waiting_keys('slot', '{k,l}', 'k:1', 2)::text, '({l:k},l:k)',
    'what is of another name counts as well');
select is(gendurable._waiting_keys('slot', '{k,l}', 'l:k', 2)::text, '({},)', 'behind the last one');

select * from finish();
rollback;
