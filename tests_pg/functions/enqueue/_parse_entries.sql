-- JSON entries, typed; what gd_enqueue_many accepts and refuses is tested there.
begin;
select plan(35);

select is(gendurable._parse_entries('[]'), null, 'nothing parsed is nothing');
select results_eq($$ select ord, fsm, queue, parent_id,
    parent_round from unnest(gendurable._parse_entries('[{"fsm": "a"}, {"fsm": "b", "queue": "own"}]')) $$,
    $$ values (1, 'a', 'default', null::bigint, null::int), (2, 'b', 'own', null, null) $$,
    'entries are numbered from 1 and have no parent');
select results_eq($$ select ord, fsm, queue, parent_id, parent_round, place
                     from unnest(gendurable._parse_entries('[{"fsm": "a"}, {"fsm": "b", "queue": "own"}, {"fsm": "c"}]',
                         'theirs', 5, '{77,77,78}', '{3,3,1}', '{1,2,1}', '{p,p,null}')) $$,
    $$ values (5, 'a', 'p', 77::bigint, 3, 1), (6, 'b', 'own', 77, 3, 2), (7, 'c', 'theirs', 78, 1, 1) $$,
    'a caller may number them, and give each a parent, a round, a place and a queue where it names none');
select is((select count(distinct id)::int from unnest(gendurable._parse_entries('[{"fsm": "a"}, {"fsm": "b"}]'))), 2,
    'every entry is given an id of its own');
select throws_ok($$ select gendurable._parse_entries('[{"fsm": "a"}, {"fsm": "b", "priority": "x"}]') $$, 'GD003',
    'gendurable: a bad entry in the batch', 'a bad value is GD003');
select throws_ok($$ select gendurable._parse_entries('[{"fsm": "a"}, {"color": "x"}]') $$, 'GD003', null,
    'an unknown field is GD003');
select throws_ok($$ select gendurable._parse_entries('[{"fsm": "a", "correlation_scope": [[[[[[["done"]]]]]]]}]') $$,
    'GD003', null, 'arrays too deep for an array are GD003');
select results_eq($$ select fsm_version
    from unnest(gendurable._parse_entries(
        '[{"fsm": "a"}, {"fsm": "a", "fsm_version": null}, {"fsm": "a", "fsm_version": 2}]')) $$,
    'values (null::int), (null), (2)', 'a version that is left out is found when the instance is made');

-- The first bad entry is named, whatever is wrong with it.
create function pg_temp.problem(p_entries jsonb) returns text language plpgsql as $$
declare
    v_detail text;
begin
    perform gendurable._parse_entries(p_entries);
    return null;
exception when sqlstate 'GD003' then
    get stacked diagnostics v_detail = pg_exception_detail;
    return v_detail;
end
$$;
select is(pg_temp.problem('[{"fsm": "m"}, {"fsm": "m"}]'), null, 'good ones');
select is(pg_temp.problem(jsonb_build_array('{"fsm": "m"}'::jsonb, jsonb_build_object('fsm', 'm') || v.bad,
    '{"fsm": ""}'::jsonb)), 'ord 2: ' || v.problem, v.problem)
from (values ('{"fsm": null}'::jsonb, 'fsm is required'), ('{"step": ""}', 'step is empty'),
    ('{"queue": ""}', 'queue is empty'),
             ('{"correlation_key": ""}', 'correlation_key is empty'),
             ('{"concurrency_key": ""}', 'concurrency_key is empty'),
             ('{"rate_limit": ""}', 'rate_limit is empty'),
             ('{"weight": -1}', 'weight is -1, not a finite number >= 0'),
             ('{"weight": "NaN"}', 'weight is NaN, not a finite number >= 0'),
             ('{"weight": "Infinity"}', 'weight is Infinity, not a finite number >= 0'),
             ('{"correlation_scope": ["runnable", null]}', 'correlation_scope has what is no status: runnable, null'),
             ('{"color": "x"}', 'unknown field color'),
             ('{"priority": "x"}', 'priority: expected an integer of 32 bits, got "x"')) as v (bad, problem);
select is(pg_temp.problem(jsonb_build_array('{"fsm": "m"}'::jsonb, jsonb_build_object('fsm', 'm', f, v))),
    format('ord 2: %s is %s, not a string', f, jsonb_typeof(v)),
    format('%s cannot be %s', f, v))
from unnest('{fsm,step,queue,correlation_key,concurrency_key,rate_limit}'::text[]) as f cross
    join unnest('{"{}","[]"}'::jsonb[]) as v;
select is(pg_temp.problem('[{"fsm": "{"}, {"fsm": "[1]", "correlation_key": "{\"a\": 1}"}]'), null,
    'a string may look like one');
select results_eq($$ select fsm, step,
    queue from unnest(gendurable._parse_entries('[{"fsm": 5, "step": true, "queue": "{"}]')) $$, $$
    values ('5', 'true', '{') $$,
    'a number or a boolean is its text');

select * from finish();
rollback;
