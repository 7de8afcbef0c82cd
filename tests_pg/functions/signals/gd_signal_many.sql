-- gd_signal_many: many signals, all or none.
begin;
select plan(42);

select gd_register('me') as me \gset

-- SQLSTATE and DETAIL of the error that signalling raises.
create function pg_temp.refusal(p_entries jsonb) returns text language plpgsql as $$
declare
    v_code   text;
    v_detail text;
begin
    perform gd_signal_many(p_entries);
    return 'no error';
exception when others then
    get stacked diagnostics v_code = returned_sqlstate, v_detail = pg_exception_detail;
    return v_code || ' ' || v_detail;
end
$$;
create function pg_temp.inbox(p_id bigint) returns text language sql as $$
    select coalesce(string_agg(format('%s=%s', s.name, s.payload), ' ' order by s.id), '') from gendurable.signals as s
        where s.instance_id = p_id
$$;

select id as a from gd_enqueue('m', correlation_key => 'a') \gset
select id as b from gd_enqueue('m', correlation_key => 'b') \gset
select results_eq(
    format($$ select ord, result from gd_signal_many('[
        {"target": "b", "name": "n1", "payload": {"x": 1}}, {"id": %1$s, "name": "n2"},
        {"target": %1$s, "name": "n3", "payload": null, "dedup_key": null},
        {"target": "nobody", "name": "n4"}, {"id": 999999999, "name": "n5"},
        {"target": "a", "id": null, "name": "n6", "payload": 6},
        {"target": null, "id": %1$s, "name": "n7"}, {"target": "b", "name": "n8", "payload": [8]}]') $$, :a),
    $$ values (1, 'delivered'), (2, 'delivered'), (3, 'delivered'), (4, 'no_target'), (5, 'no_target'),
        (6, 'delivered'), (7, 'delivered'), (8, 'delivered') $$,
    'each signal is answered for itself, in input order, ord counting from 1');
select is(pg_temp.inbox(:a), 'n2={} n3={} n6=6 n7={}',
    'by key, by id and by a number as target; payloads as given, an empty object by default');
select is(pg_temp.inbox(:b), 'n1={"x": 1} n8=[8]', 'one inbox is filled in input order');
select is_empty($$ select gd_signal_many('[]') $$, 'an empty batch is no error and answers nothing');
select results_eq(format($$ select result from gd_signal_many('[{"target": "%s", "name": "x"}]') $$, :a), $$
    values ('no_target') $$, 'a string of digits is a correlation key');

-- Deduplication.
select is(gd_signal('a', 'x', dedup_key => 'old'), 'delivered', 'a signal of before');
select results_eq(format($$ select result from gd_signal_many('[
        {"target": "a", "name": "d1", "dedup_key": "new"}, {"id": %1$s, "name": "d2", "dedup_key": "new"},
        {"target": "a", "name": "d3", "dedup_key": "old"},
        {"target": "b", "name": "d4", "dedup_key": "new"}, {"target": "a", "name": "d5"}, {"target": "a", "name": "d5"},
        {"target": "nobody", "name": "d6", "dedup_key": "new"}]') $$, :a),
    $$ values ('delivered'), ('duplicate'), ('duplicate'), ('delivered'), ('delivered'), ('delivered'), ('no_target')
    $$,
    'duplicates are found within the batch, whatever the address, and against what came before');
select matches(pg_temp.inbox(:a), 'd1=\{\} d5=\{\} d5=\{\}$', 'of a pair the first is stored');

-- Waking.
create function pg_temp.parked(p_worker bigint, p_key text, p_names text) returns bigint language plpgsql as $$
declare
    v_id bigint := (select e.id from gd_enqueue('m', queue => 'park', priority => -1, correlation_key => p_key) as e);
begin
    perform gd_pick(p_worker, 'park', 1);
    perform gd_commit(p_worker,
        jsonb_build_array(jsonb_build_object('id', v_id, 'fence', test.fence(v_id), 'kind', 'await', 'names',
            p_names::text[])));
    return v_id;
end
$$;
select pg_temp.parked(:me, 'p1', '{x,y}') as p1, pg_temp.parked(:me, 'p2', '{x}') as p2,
    pg_temp.parked(:me, 'p3', '{x}') as p3 \gset
select is((select string_agg(result, ' ')
    from gd_signal_many('[{"target": "p1", "name": "y"}, {"target": "p2", "name": "z"}, {"target": "p1", "name": "x"},
    {"target": "p3", "name": "z"}, {"target": "p3", "name": "x"}]')),
    'delivered delivered delivered delivered delivered', 'a batch to parks');
select is((select string_agg(status, ' ' order by n) from (values (1, :p1), (2, :p2), (3, :p3)) as v (n, id),
    lateral gd_status(v.id)), 'runnable awaiting_signal runnable',
    'each park is woken by the names it awaits alone');
select results_eq(format('select id, awaited #>> %L, jsonb_array_length(awaited) from gd_pick(%s, %L, 9)', '{0,name}',
    :me, 'park'),
    format('values (%s::bigint, %L, 2), (%s, %L, 1)', :p1, 'y', :p3, 'x'),
    'a park that several of a batch wake is woken once, with all of them');

-- Errors.
select throws_ok($$ select gd_signal_many('{"target": "a", "name": "x"}') $$, 'GD002', 'gendurable: invalid argument',
    'an object is no batch');
select is(pg_temp.refusal('{}'), 'GD002 entries is object, not an array',
    'the error names what it got instead of an array');
select is(pg_temp.refusal(null), 'GD002 entries is null, not an array', 'null is no batch');
select throws_ok($$ select gd_signal_many('[{}]') $$, 'GD003', 'gendurable: a bad entry in the batch',
    'a bad entry has its own code');
select is(pg_temp.refusal('[{"target": "a", "name": "x"}, {"name": "x"}]'), 'GD003 ord 2: target is required',
    'a missing target names its ord');
select is(pg_temp.refusal('[{"target": "a", "name": "x"}, {"target": null, "id": null, "name": "x"}]'),
    'GD003 ord 2: target is required', 'a null target is a missing one');
select is(pg_temp.refusal('[{"target": "a"}]'), 'GD003 ord 1: name is required', 'a missing name names its ord');
select is(pg_temp.refusal('[{"target": "a", "name": null}]'), 'GD003 ord 1: name is required',
    'a null name is a missing one');
select is(pg_temp.refusal('[{"target": "a", "name": ""}]'), 'GD003 ord 1: name is required',
    'an empty name is a missing one');
select is(pg_temp.refusal('[{"target": "a", "name": "x"}, {"target": "a", "name": "x", "zz": 1, "dedupkey": null}]'),
    'GD003 ord 2: unknown field dedupkey',
    'an unknown field is an error that names it and its ord');
select is(pg_temp.refusal('[{"target": "a", "name": "x"}, 5]'), 'GD003 ord 2: number, not an object',
    'a number is no entry');
select is(pg_temp.refusal('[null]'), 'GD003 ord 1: null, not an object', 'null is no entry');
select is(pg_temp.refusal('[[]]'), 'GD003 ord 1: array, not an object', 'an array is no entry');
select matches(pg_temp.refusal('[{"target": "a", "id": 5, "name": "x"}]'), '^GD003 ord 1: .*target.*id',
    'target and id together are refused');
select matches(pg_temp.refusal('[{"target": "a", "name": "x"}, {"target": {}, "name": "x"}]'), '^GD003 ord 2: .*target',
    'an object is no target');
select matches(pg_temp.refusal('[{"target": 1.5, "name": "x"}]'), '^GD003 ord 1: .*target', 'a fraction is no target');
select matches(pg_temp.refusal('[{"target": true, "name": "x"}]'), '^GD003 ord 1: .*target', 'a boolean is no target');
select matches(pg_temp.refusal('[{"target": 1e30, "name": "x"}]'), '^GD003 ord 1: .*target',
    'a number out of range is no target');
select matches(pg_temp.refusal('[{"id": 1e30, "name": "x"}]'), '^GD003 ord 1: .*id', 'a number out of range is no id');
select matches(pg_temp.refusal('[{"id": "five", "name": "x"}]'), '^GD003 ord 1: .*id', 'a word is no id');
select matches(pg_temp.refusal('[{"id": [5], "name": "x"}]'), '^GD003 ord 1: .*id', 'an array is no id');
select matches(pg_temp.refusal('[{"target": "a", "name": 5}]'), '^GD003 ord 1: .*name', 'a number is no name');
select matches(pg_temp.refusal('[{"target": "a", "name": "x", "dedup_key": 5}]'), '^GD003 ord 1: .*dedup_key',
    'a number is no dedup_key');
select matches(pg_temp.refusal(jsonb_build_array(jsonb_build_object('target', 'a', 'name', repeat('é', 501)))),
    '^GD003 ord 1: .*1,000 bytes', 'a name of more than 1,000 bytes is refused');
select matches(pg_temp.refusal(jsonb_build_array(jsonb_build_object('target', repeat('é', 501), 'name', 'x'))),
    '^GD003 ord 1: .*1,000 bytes', 'a key of more than 1,000 bytes is refused');
select matches(pg_temp.refusal(jsonb_build_array(jsonb_build_object('target', 'a', 'name', 'x', 'dedup_key',
    repeat('é', 501)))), '^GD003 ord 1: .*1,000 bytes',
    'a dedup_key of more than 1,000 bytes is refused');
select is(pg_temp.refusal(jsonb_build_array(jsonb_build_object('target', 'a', 'name', repeat('é', 500)))), 'no error',
    'a name of 1,000 bytes is accepted');
select matches(pg_temp.refusal('[{"target": "a", "name": ""}, {"zz": 1}]'), '^GD003 ord 1: ',
    'of two bad entries the first is named');

-- Properties.
select pg_temp.inbox(:b) as before \gset
select matches(pg_temp.refusal('[{"target": "b", "name": "x", "dedup_key": "torn"}, {"target": "b"}]'), '^GD003',
    'one bad entry refuses the batch');
select is(pg_temp.inbox(:b), :'before'::text, 'of a refused batch nothing is delivered');
select is(gd_signal('b', 'x', dedup_key => 'torn'), 'delivered', 'of a refused batch nothing is remembered');

select * from finish();
rollback;
