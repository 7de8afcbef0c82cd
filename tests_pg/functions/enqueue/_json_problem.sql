-- What the JSON of an entry may be.
begin;
select plan(9);

select is(gendurable._json_problem('{"a": "x", "fsm": "m"}', '{fsm,a}'), null, 'known fields, in any order');
select is(gendurable._json_problem('{}', '{fsm,a}'), null, 'or none of them');
select is(gendurable._json_problem('{"fsm": null, "a": {"b": 1}}', '{fsm,a}'), null, 'what is no name may be any JSON');
select is(gendurable._json_problem('5', '{fsm}'), 'number, not an object', 'a number is no entry');
select is(gendurable._json_problem('null', '{fsm}'), 'null, not an object', 'nor is null');
select is(gendurable._json_problem('["fsm"]', '{fsm}'), 'array, not an object', 'nor is an array');
select is(gendurable._json_problem('{"fsm": "m", "z": 1, "b": null}', '{fsm,a}'), 'unknown field b',
    'the first unknown field is named');
select is(gendurable._json_problem('{"fsm": {}}', '{fsm,a}'), 'fsm is object, not a string', 'an object is no name');
select is(gendurable._json_problem('{"fsm": "m", "step": 1, "queue": []}', '{fsm,step,queue}'),
    'queue is array, not a string', 'an array is no name, a number is');

select * from finish();
rollback;
