-- What is wrong with one entry of info.machines.
begin;
select plan(25);

create function pg_temp.problem(p_machine jsonb) returns text language sql as $$
    select gendurable._machine_problem(p_machine) $$;
select is(pg_temp.problem(good), null, format('%s can be declared', good))
from unnest(array['{"fsm": "m", "version": 1}', '{"fsm": "m", "version": -2147483648, "steps": null}',
    '{"fsm": "m", "version": 2147483647, "steps": []}',
    '{"fsm": "m", "version": 1, "steps": ["a", "null"], "unknown": [1]}']::jsonb[]) as good;
select is(pg_temp.problem(jsonb_build_object('fsm', repeat('x', 1000), 'version', 1, 'steps',
    array[repeat('x', 1000)])), null, 'names of 1,000 bytes can be declared');

select is(pg_temp.problem(c.bad::jsonb), c.problem, format('%s: %s', c.bad, c.problem))
from (values
    ('"m"', 'expected an object, got string'),
    ('null', 'expected an object, got null'),
    ('["m", 1]', 'expected an object, got array'),
    ('{}', 'fsm: expected a string, got nothing'),
    ('{"fsm": null, "version": 1}', 'fsm: expected a string, got null'),
    ('{"fsm": 7, "version": 1}', 'fsm: expected a string, got number'),
    ('{"fsm": "", "version": 1}', 'fsm is empty'),
    ('{"fsm": "m"}', 'version: expected an integer of 32 bits, got nothing'),
    ('{"fsm": "m", "version": null}', 'version: expected an integer of 32 bits, got null'),
    ('{"fsm": "m", "version": "1"}', 'version: expected an integer of 32 bits, got "1"'),
    ('{"fsm": "m", "version": 1.5}', 'version: expected an integer of 32 bits, got 1.5'),
    ('{"fsm": "m", "version": 2147483648}', 'version: expected an integer of 32 bits, got 2147483648'),
    ('{"fsm": "m", "version": -2147483649}', 'version: expected an integer of 32 bits, got -2147483649'),
    ('{"fsm": "m", "version": 99999999999999999999}',
        'version: expected an integer of 32 bits, got 99999999999999999999'),
    ('{"fsm": "m", "version": 1, "steps": "a"}', 'steps: expected an array, got string'),
    ('{"fsm": "m", "version": 1, "steps": {}}', 'steps: expected an array, got object'),
    ('{"fsm": "m", "version": 1, "steps": ["a", 7]}', 'steps: expected an array of strings, got one with 7'),
    ('{"fsm": "m", "version": 1, "steps": ["a", ""]}', 'one of steps is empty')) as c (bad, problem);
select ok(pg_temp.problem(jsonb_build_object('fsm', repeat('x', 1001), 'version', 1))
    like 'fsm is longer than 1,000 bytes: xxx%', 'a name that is too long');
select ok(pg_temp.problem(jsonb_build_object('fsm', 'm', 'version', 1, 'steps', array['a', repeat('x', 1001)]))
    like 'one of steps is longer than 1,000 bytes: xxx%', 'a step that is too long');

select * from finish();
rollback;
