-- gd_enqueue_many: many instances, all or none.
begin;
select plan(49);

-- SQLSTATE and DETAIL of the error that enqueueing raises.
create function pg_temp.refusal(p_entries jsonb) returns text language plpgsql as $$
declare
    v_code   text;
    v_detail text;
begin
    perform gd_enqueue_many(p_entries);
    return 'no error';
exception when others then
    get stacked diagnostics v_code = returned_sqlstate, v_detail = pg_exception_detail;
    return v_code || ' ' || v_detail;
end
$$;

-- Defaults and fields.
create temp table batch as select e.* from gd_enqueue_many('[
    {"fsm": "a"},
    {"fsm": "b", "state": null, "step": null, "queue": null, "priority": null, "eligible_at": null, "delay": null,
    "correlation_key": null,
     "correlation_scope": null, "concurrency_key": null, "rate_limit": null, "weight": null, "fsm_version": null},
    {"fsm": "c", "state": {"x": [1]}, "step": "go", "queue": "q", "priority": -2, "eligible_at": "2100-01-01T00:00:00Z",
    "delay": "1 hour",
     "correlation_key": "c:1", "weight": 0.5, "fsm_version": 3}
]') as e;
create temp view made as select b.ord as n, i.* from batch as b join gendurable.instances as i on i.id = b.id;
select results_eq($$ select fsm, state, step, queue, priority, eligible_at, correlation_key, weight, fsm_version,
    phase::text from made where n = 1 $$,
    $$ values ('a', '{}'::jsonb, 'start', 'default', 0, now(), null::text, null::float8, 1, 'ready') $$,
    'absent fields have the defaults of gd_enqueue');
select results_eq($$ select fsm, state, step, queue, priority, eligible_at, correlation_key, weight, fsm_version,
    phase::text from made where n = 2 $$,
    $$ values ('b', '{}'::jsonb, 'start', 'default', 0, now(), null::text, null::float8, 1, 'ready') $$,
    'an explicit null means the default, for every field');
select results_eq($$ select fsm, state, step, queue, priority, eligible_at, correlation_key, weight, fsm_version,
    phase::text from made where n = 3 $$,
    $$ values ('c', '{"x": [1]}'::jsonb, 'go', 'q', -2, '2100-01-01 01:00+00'::timestamptz, 'c:1', 0.5::float8, 3,
        'scheduled') $$,
    'every field is stored');
select id as hasty from gd_enqueue_many('[{"fsm": "m", "delay": "-1 s", "eligible_at": "2100-01-01"}]') \gset
select is((select phase::text from gendurable.instances where id = :hasty), 'ready', 'a negative delay means at once');
select id as late from gd_enqueue_many('[{"fsm": "m", "delay": 90}]') \gset
select is((select eligible_at from gendurable.instances where id = :late), now() + interval '90 seconds',
    'a delay in numbers is in seconds');

-- Order.
select results_eq($$ select array_agg(e.ord)::text
    from gd_enqueue_many((select jsonb_agg(jsonb_build_object('fsm', 'm' || n)) from generate_series(1, 50) as n)) as e
    $$,
    $$ select array_agg(n)::text from generate_series(1, 50) as n $$,
    'answers come in input order, ord counting from 1');
create temp table fifty as
select e.* from gd_enqueue_many((
    select jsonb_agg(jsonb_build_object('fsm', 'f', 'state', n, 'correlation_key', 'fifty:' || 51 - n) order by n)
                                 from generate_series(1, 50) as n)) as e;
select results_eq($$ select f.ord from fifty as f $$, $$
    select n from generate_series(1, 50) as n $$, 'answers come in input order, whatever the order of the keys');
select is_empty($$ select f.ord from fifty as f join gd_instances as i on i.id = f.id where i.state <> to_jsonb(f.ord)
    $$,
    'each answer carries the id of its own entry');
select results_eq($$ select i.state::int from gd_instances as i where i.fsm = 'f' order by i.id $$, $$
    select n from generate_series(1, 50) as n $$,
    'ids grow in input order');
select is_empty($$ select * from gd_enqueue_many('[]') $$, 'an empty batch is no error and answers nothing');

-- Duplicates.
select id as taken from gd_enqueue('m', correlation_key => 'taken') \gset
create temp table mixed as select e.* from gd_enqueue_many('[
    {"fsm": "m", "correlation_key": "new", "state": 1}, {"fsm": "m", "correlation_key": "taken"}, {"fsm": "m"},
    {"fsm": "m", "correlation_key": "new", "state": 2}, {"fsm": "m", "correlation_key": "taken"},
    {"fsm": "m", "correlation_key": "a"}]') as e;
select results_eq($$ select ord, duplicate from mixed $$, $$
    values (1, false), (2, true), (3, false), (4, true), (5, true), (6, false) $$,
    'duplicates are found within the batch and against the table; the first of a pair is the original');
select is((select id from mixed where ord = 4), (select id from mixed where ord = 1),
    'a duplicate within the batch answers the id of its original');
select results_eq($$ select distinct id from mixed where ord in (2, 5) $$, format('values (%s::bigint)', :taken),
    'a duplicate of an instance in the table answers the occupant');
select is((select state from gd_status('new')), '1'::jsonb, 'within a batch the first one''s arguments count');
select is((select count(*)::int from gd_instances where correlation_key in ('new', 'taken', 'a')), 3,
    'duplicates create nothing');
select is((select bool_and(duplicate)
    from gd_enqueue_many('[{"fsm": "m", "correlation_key": "new"}, {"fsm": "m", "correlation_key": "a"}]')), true,
    'a batch that is sent again is all duplicates');

-- Errors.
select throws_ok($$ select gd_enqueue_many('{"fsm": "m"}') $$, 'GD002', 'gendurable: invalid argument',
    'an object is no batch');
select is(pg_temp.refusal('{"fsm": "m"}'), 'GD002 entries is object, not an array',
    'the error names what it got instead of an array');
select is(pg_temp.refusal(null), 'GD002 entries is null, not an array', 'a batch of null is an error');
select throws_ok($$ select gd_enqueue_many('[{"fsm": "m"}, {}]') $$, 'GD003', 'gendurable: a bad entry in the batch',
    'a bad entry has its own code');
select is(pg_temp.refusal('[{"fsm": "m"}, {"step": "x"}]'), 'GD003 ord 2: fsm is required',
    'a missing fsm names its ord');
select is(pg_temp.refusal('[{"fsm": "m"}, {"fsm": "m"}, {"fsm": null}]'), 'GD003 ord 3: fsm is required',
    'a null fsm names its ord');
select is(pg_temp.refusal('[{"fsm": "m"}, {"fsm": "m", "corelation_key": "x"}]'),
    'GD003 ord 2: unknown field corelation_key',
    'an unknown field is an error that names it and its ord');
select is(pg_temp.refusal('[{"fsm": "m", "parent_id": 1}]'), 'GD003 ord 1: unknown field parent_id',
    'an entry cannot name its parent');
select is(pg_temp.refusal('[{"fsm": "m", "zz": 1, "aa": null}]'), 'GD003 ord 1: unknown field aa',
    'an unknown field that is null is unknown too');
select is(pg_temp.refusal('[{"fsm": "m"}, 5]'), 'GD003 ord 2: number, not an object', 'a number is no entry');
select is(pg_temp.refusal('[null]'), 'GD003 ord 1: null, not an object', 'null is no entry');
select is(pg_temp.refusal('[{"fsm": "m"}, [{"fsm": "m"}]]'), 'GD003 ord 2: array, not an object',
    'batches do not nest');
select matches(pg_temp.refusal('[{"fsm": "m"}, {"fsm": "m"}, {"fsm": "m", "priority": "high"}]'),
    '^GD003 ord 3: .*high', 'a value of the wrong type names its ord and the value');
select matches(pg_temp.refusal('[{"fsm": "m", "priority": 1.5}, {"fsm": "m"}]'), '^GD003 ord 1: .*1\.5',
    'a fraction is no priority');
select matches(pg_temp.refusal('[{"fsm": "m"}, {"fsm": "m", "priority": 2147483648}]'), '^GD003 ord 2: .*2147483648',
    'a priority out of range names its ord and the value');
select matches(pg_temp.refusal('[{"fsm": "m"}, {"fsm": "m", "eligible_at": "soon"}]'), '^GD003 ord 2: .*soon',
    'a bad timestamp names its ord and the value');
select matches(pg_temp.refusal('[{"fsm": "m"}, {"fsm": "m", "delay": "a while"}]'), '^GD003 ord 2: .*a while',
    'a bad interval names its ord and the value');
select matches(pg_temp.refusal('[{"fsm": "m"}, {"fsm": "m", "weight": "heavy"}]'), '^GD003 ord 2: .*heavy',
    'a bad weight names its ord and the value');
select matches(pg_temp.refusal('[{"fsm": "m"}, {"fsm": "m", "weight": -1}]'), '^GD003 ord 2: weight',
    'a negative weight names its ord');
select matches(pg_temp.refusal('[{"fsm": "m"}, {"fsm": "m", "weight": -1}]'), '^GD003 ord 2: .*-1',
    'a negative weight names its ord and the value');
select is(pg_temp.refusal('[{"fsm": "m"}, {"fsm": {"a": 1}}]'), 'GD003 ord 2: fsm is object, not a string',
    'an object is no name');
select matches(pg_temp.refusal('[{"fsm": "m"}, {"fsm": "m", "correlation_scope": "done"}]'), '^GD003 ord 2: ',
    'a scope that is no array names its ord');
select matches(pg_temp.refusal('[{"fsm": "m"}, {"fsm": "m", "delay": "1000000 years"}]'),
    '^GD003 ord 2: .*1000000 years',
    'a delay beyond the end of time names its ord and the value');
select matches(pg_temp.refusal(jsonb_build_array('{"fsm": "m"}'::jsonb, jsonb_build_object('fsm', repeat('é', 501)))),
    '^GD003 ord 2: .*1,000 bytes',
    'a name longer than 1,000 bytes names its ord');
select is(pg_temp.refusal(jsonb_build_array(jsonb_build_object('fsm', repeat('é', 500)))), 'no error',
    'a name of 1,000 bytes is accepted');
select matches(pg_temp.refusal('[{"fsm": "m"}, {"fsm": "m", "queue": ""}]'), '^GD003 ord 2: ',
    'an empty queue names its ord');
select matches(pg_temp.refusal('[{"fsm": "m"}, {"fsm": "m", "concurrency_key": ""}]'), '^GD003 ord 2: concurrency_key',
    'an empty concurrency key names its ord');
select matches(pg_temp.refusal('[{"fsm": "m", "weight": -1}, {"fsm": ""}]'), '^GD003 ord 1: ',
    'of two bad entries the first is named');
select is(pg_temp.refusal('[{"fsm": "m"}, {"fsm": "m", "b": 1}, {"fsm": "m", "a": 1}]'), 'GD003 ord 2: unknown field b',
    'of two unknown fields the first entry''s is named');
select matches(pg_temp.refusal('[{"fsm": "m"}, {"fsm": "m", "priority": "x"}, {"fsm": "m", "priority": "y"}]'),
    '^GD003 ord 2: .*x', 'of two bad values the first is named');

-- Properties.
select count(*) as before from gd_instances \gset
select is(pg_temp.refusal('[{"fsm": "m", "correlation_key": "torn"}, {"fsm": "m", "weight": -1}]') ~ '^GD003', true,
    'one bad entry refuses the batch');
select is((select count(*) from gd_instances), :before::bigint, 'of a refused batch nothing is stored');
select is((select count(*)::int from gendurable.correlation_keys where key = 'torn'), 0,
    'of a refused batch no key is occupied');

select * from finish();
rollback;
