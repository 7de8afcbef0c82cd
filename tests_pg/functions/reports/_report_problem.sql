-- What is wrong with a report.
begin;
select plan(4);

create temp table report (report jsonb, problem text);
insert into report values
    (null, 'report is null, not an object'), ('null', 'report is null, not an object'),
    ('[]', 'report is array, not an object'), ('{"step": []}', 'unknown field step'),
    ('{"progress": {}}', 'progress is object, not an array'), ('{"steps": 1}', 'steps is number, not an array'),
    ('{"progress": [{"id": 1, "fence": 1, "progress": 1}, 7]}', 'progress, ord 2: not an object'),
    ('{"progress": [{"id": 1, "fence": 1, "percent": 1}]}', 'progress, ord 1: unknown field percent'),
    ('{"progress": [{"fence": 1}]}', 'progress, ord 1: id: expected an integer'),
    ('{"progress": [{"id": "1", "fence": 1}]}', 'progress, ord 1: id: expected an integer'),
    ('{"progress": [{"id": 1.5, "fence": 1}]}', 'progress, ord 1: id: expected an integer'),
    ('{"progress": [{"id": 1e30, "fence": 1}]}', 'progress, ord 1: id: expected an integer'),
    ('{"progress": [{"id": 1, "fence": null}]}', 'progress, ord 1: fence: expected an integer');
create temp table good as
    select '{"queue": "q", "fsm": "f", "step": "s", "kind": "done", "count": 1, "seconds": 0.5, "slowest": 0.5}'::jsonb
    as step;
insert into report
select jsonb_build_object('steps', jsonb_build_array(g.step, g.step || b.field::jsonb)), 'steps, ord 2: ' || b.problem
from good as g, (values
    ('{"time": 1}', 'unknown field time'), ('{"queue": 1}', 'queue: expected a text of 1 to 1,000 bytes'),
    ('{"fsm": ""}', 'fsm: expected a text of 1 to 1,000 bytes'),
    ('{"step": null}', 'step: expected a text of 1 to 1,000 bytes'),
    ('{"kind": ["done"]}', 'kind: expected a text of 1 to 1,000 bytes'),
    ('{"count": -1}', 'count: expected an integer from 0 to 10^12'),
    ('{"count": 0.5}', 'count: expected an integer from 0 to 10^12'),
    ('{"count": 1000000000001}', 'count: expected an integer from 0 to 10^12'),
    ('{"seconds": -0.1}', 'seconds: expected a number of zero or more'),
    ('{"seconds": "1"}', 'seconds: expected a number of zero or more'),
    ('{"slowest": 1e400}', 'slowest: expected a number of zero or more'),
    ('{"slowest": null}', 'slowest: expected a number of zero or more'),
    (format('{"fsm": "%s"}', repeat('f', 1001)), 'fsm: expected a text of 1 to 1,000 bytes')) as b (field, problem);
select is_empty('select r.report, gendurable._report_problem(r.report), r.problem from report as r where '
    'gendurable._report_problem(r.report) is distinct from r.problem', 'is said, with its place');
select is_empty($$ select f from good as g, jsonb_object_keys(g.step) as f
    where gendurable._report_problem(jsonb_build_object('steps', jsonb_build_array(g.step - f))) is null $$,
    'no field of a measured step may be left out');
select is((select gendurable._report_problem(jsonb_build_object('progress',
    '[{"id": 1, "fence": 2, "progress": {"any": ["JSON"]}}, {"id": -9223372036854775808, "fence": 2}]'::jsonb, 'steps',
    jsonb_build_array(g.step))) from good as g), null, 'nothing, with one that is well');
select is(array[gendurable._report_problem('{}'), gendurable._report_problem('{"progress": null, "steps": []}')],
    array[null, null], 'nor with an empty one');

select * from finish();
rollback;
