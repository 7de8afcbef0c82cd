-- Which field has a value of the wrong type.
begin;
select plan(24);

select is(gendurable._field_problem('{}'), null, 'no field');
select is(gendurable._field_problem(
    '{"id": 1, "fence": null, "names": ["a"], "consumed": [], "delay": "1 s", "eligible_at": "infinity", "weight": 1, '
    '"state": [], "other": {}}'), null, 'all is well');
select is(gendurable._field_problem(jsonb_build_object('priority', array[repeat('x', 2000)])),
    'priority: expected an integer of 32 bits, got array',
    'of a long value only the type is told: its text may be longer than a text can be');
create temp table bad (object jsonb, problem text);
insert into bad values
    ('{"names": "x"}', 'names: expected an array'), ('{"names": 5}', 'names: expected an array'),
    ('{"names": {"a": 1}}', 'names: expected an array'),
    ('{"consumed": "7"}', 'consumed: expected an array'),
    ('{"consumed": ["x"]}', 'consumed: expected an array of integers'),
    ('{"consumed": [1.5]}', 'consumed: expected an array of integers'),
    ('{"consumed": [99999999999999999999]}', 'consumed: expected an array of integers'),
    ('{"correlation_scope": "done"}', 'correlation_scope: expected an array'),
    ('{"names": [[[[[[["x"]]]]]]]}', 'names: expected an array of strings'),
    ('{"id": "x"}', 'id: expected an integer of 64 bits, got "x"'),
    ('{"fence": []}', 'fence: expected an integer of 64 bits, got []'),
    ('{"fence": 1e30}', 'fence: expected an integer of 64 bits, got 1000000000000000000000000000000'),
    ('{"priority": 2147483648}', 'priority: expected an integer of 32 bits, got 2147483648'),
    ('{"priority": 1.5}', 'priority: expected an integer of 32 bits, got 1.5'),
    ('{"fsm_version": true}', 'fsm_version: expected an integer of 32 bits, got true'),
    ('{"continue": "maybe"}', 'continue: expected true or false, got "maybe"'),
    ('{"delay_ms": {}}', 'delay_ms: expected a number of double precision, got {}'),
    ('{"weight": 1e400}', 'weight: expected a number of double precision, got 1' || repeat('0', 39)),
    ('{"eligible_at": "soon"}', 'eligible_at: expected a timestamp, got "soon"'),
    ('{"eligible_at": "2026-13-45"}', 'eligible_at: expected a timestamp, got "2026-13-45"'),
    ('{"delay": "a while", "priority": "x"}', 'delay: expected an interval, got "a while"');
select is(gendurable._field_problem(b.object), b.problem, b.problem) from bad as b;

select * from finish();
rollback;
