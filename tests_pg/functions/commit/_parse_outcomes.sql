-- JSON outcomes, typed; what gd_commit answers for bad ones is tested there.
begin;
select plan(11);

select is(gendurable._parse_outcomes('[]'), null, 'nothing parsed is nothing');
create temp table parsed as select o.* from unnest(gendurable._parse_outcomes('[
    {"id": 7, "fence": 3, "kind": "next", "step": "ship", "state": {"a": 1}, "continue": true, "delay_ms": 1.5,
    "priority": -2, "fsm_version": 3, "consumed": [1, 2]},
    {"id": 8, "fence": 4, "kind": "await", "names": ["paid"], "timeout_ms": 9},
    {"id": 9, "fence": 5, "kind": "done", "result": {"b": 2}, "error": {"c": 3}}]')) as o;
select results_eq($$ select ord, id, fence, kind, step, state, continue, delay_ms, priority, fsm_version, consumed,
    problem from parsed where ord = 1 $$,
    $$ values (1, 7::bigint, 3::bigint, 'next', 'ship', '{"a": 1}'::jsonb, true, 1.5::float8, -2, 3, '{1,2}'::bigint[],
        null::text) $$, 'the fields of next');
select results_eq($$ select ord, id, kind, names, timeout_ms, step, state, problem from parsed where ord = 2 $$,
    $$ values (2, 8::bigint, 'await', '{paid}'::text[], 9::float8, null::text, null::jsonb, null::text) $$,
    'the fields of await; what is absent is null');
select results_eq($$ select ord, id, kind, result, error, problem from parsed where ord = 3 $$,
    $$ values (3, 9::bigint, 'done', '{"b": 2}'::jsonb, '{"c": 3}'::jsonb, null::text) $$, 'the fields of done');
select results_eq($$ select o.ord, o.id, o.fence, o.kind, o.problem is null from unnest(gendurable._parse_outcomes('[
        {"id": 1, "fence": 1, "kind": "done"}, {"id": 2, "fence": 2, "kind": "next", "priority": "x"}, 5,
        {"id": 4, "fence": 4, "kind": "retry"}]')) as o $$,
    $$ values (1, 1::bigint, 1::bigint, 'done', true), (2, 2, 2, null, false), (3, null, null, null, false),
        (4, 4, 4, 'retry', true) $$,
    'a value of the wrong type is a problem of its own outcome alone');
select results_eq($$ select o.id, left(o.problem, 26) from unnest(gendurable._parse_outcomes('[
        {"id": 1, "fence": 1, "kind": "await", "names": [["a"]]},
        {"id": 2, "fence": 1, "kind": "await", "names": [[[[[[["a"]]]]]]]},
        {"id": 3, "fence": 1, "kind": "next", "step": "s", "consumed": [[[[[[[1]]]]]]]},
        {"id": 4, "fence": 1, "kind": "done"}]')) as o $$,
    $$ values (1::bigint, 'await needs names'), (2, 'names: expected an array o'), (3, 'consumed: expected an arra'),
        (4, null) $$,
    'arrays in arrays are a problem of their own outcome alone, however deep');
select is_empty($$ select p.ms from unnest('{-3.2e12,0,3.2e12}'::float8[]) as p (ms),
                   lateral unnest(gendurable._parse_outcomes(jsonb_build_array(jsonb_build_object('id', 1, 'fence', 1,
                       'kind', 'retry', 'delay_ms', p.ms)))) as o
                   where o.problem is not null $$, 'a century of delay is accepted');
select results_eq($$ select o.problem from unnest(gendurable._parse_outcomes('[
        {"id": 1, "fence": 1, "kind": "next", "step": {"a": 1}},
        {"id": 1, "fence": 1, "kind": "next", "step": "s", "rate_limit": ["a"]},
        {"id": 1, "fence": 1, "kind": "next", "step": "s", "concurrency_key": {}},
        {"id": 1, "fence": 1, "kind": "await", "step": "{", "names": ["a", {"b": 1}]},
        {"id": 1, "fence": 1, "kind": "retry", "step": []}]')) as o $$,
    $$ values ('step is object, not a string'), ('rate_limit is array, not a string'),
        ('concurrency_key is object, not a string'),
              ('a name is object, not a string'), ('step is array, not a string') $$,
    'an object or an array in place of a name is a problem');
select is_empty($$ select o.problem from unnest(gendurable._parse_outcomes('[
        {"id": 1, "fence": 1, "kind": "next", "step": "{a}", "rate_limit": "[b]", "concurrency_key": "{c"},
        {"id": 1, "fence": 1, "kind": "await", "names": ["{d}", "[e"]}]')) as o where o.problem is not null $$,
    'a name that only looks like one is a name');

select results_eq($$ select o.id, o.fsm_version, o.problem from unnest(gendurable._parse_outcomes('[
        {"id": 1, "fence": 1, "kind": "retry", "fsm_version": "2"},
        {"id": 2, "fence": 1, "kind": "retry", "fsm_version": -2},
        {"id": 3, "fence": 1, "kind": "retry", "fsm_version": null},
        {"id": 4, "fence": 1, "kind": "retry"}]')) as o $$,
    $$ values (1::bigint, 2, 'fsm_version is no integer'), (2, -2, null), (3, null, null), (4, null, null) $$,
    'a version is a number; null is none');
select results_eq($$ select o.problem from unnest('{2.5,2.0,true,[],3000000000}'::text[]) as v,
                     lateral unnest(gendurable._parse_outcomes(
                         format('[{"id": 1, "fence": 1, "kind": "next", "step": "s", "fsm_version": %s}]', v)::jsonb))
                     as o $$,
    $$ select 'fsm_version: expected an integer of 32 bits, got ' || v
        from unnest('{2.5,2.0,true,[],3000000000}'::text[]) as v $$, 'an integer of 32 bits');

select * from finish();
rollback;
