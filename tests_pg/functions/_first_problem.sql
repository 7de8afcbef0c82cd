-- The first bad entry of a batch.
begin;
select plan(12);

create function pg_temp.problem(p_entries jsonb) returns text language sql as $$ select gendurable._first_problem(gendurable._parse_entries(p_entries)) $$;
select is(gendurable._first_problem(null), null, 'no entries, no problem');
select is(pg_temp.problem('[{"fsm": "m"}, {"fsm": "m"}]'), null, 'good ones');
select is(pg_temp.problem('[{"fsm": "m"}, {"fsm": "m", "weight": -1}, {"queue": "q"}]'), 'ord 2: weight is -1, not a finite number >= 0', 'the first bad one is named');
select is(pg_temp.problem(jsonb_build_array('{"fsm": "m"}'::jsonb, jsonb_build_object('fsm', 'm') || v.bad)), 'ord 2: ' || v.problem, v.problem)
from (values ('{"fsm": null}'::jsonb, 'fsm is required'), ('{"step": ""}', 'step is empty'), ('{"queue": ""}', 'queue is empty'), ('{"correlation_key": ""}', 'correlation_key is empty'), ('{"concurrency_key": ""}', 'concurrency_key is empty'),
             ('{"rate_limit": ""}', 'rate_limit is empty'), ('{"weight": "NaN"}', 'weight is NaN, not a finite number >= 0'), ('{"weight": "Infinity"}', 'weight is Infinity, not a finite number >= 0'),
             ('{"correlation_scope": ["runnable", null]}', 'correlation_scope has what is no status: runnable, null')) as v (bad, problem);

select * from finish();
rollback;
