-- What may be wrong with an entry of a batch of signals.
begin;
select plan(12);

select is(gendurable._signal_entry_problem(e.entry::jsonb), e.problem, e.entry)
from (values ('{"target": "k", "name": "n"}', null), ('{"id": 1, "name": "n", "payload": [1], "dedup_key": "d"}', null),
    ('{"target": 1, "name": "n", "dedup_key": null}', null), ('{"id": "12", "name": "n"}', null),
             ('[]', 'array, not an object'), ('{"target": "k", "name": "n", "z": 1, "y": 2}', 'unknown field y'),
             ('{"target": "k", "id": 1, "name": "n"}', 'both target and id are given'),
             ('{"target": {}, "name": "n"}', 'target is a correlation key or an instance id, id an instance id'),
             ('{"id": "x", "name": "n"}', 'target is a correlation key or an instance id, id an instance id'),
             ('{"target": "k", "name": 1}', 'name is not a string'),
             ('{"target": "k", "name": "n", "dedup_key": 1}', 'dedup_key is not a string'),
             ('{"name": "n"}', 'target is required')) as e (entry, problem);

select * from finish();
rollback;
