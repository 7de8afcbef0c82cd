-- What gd_commit answers for it is tested in gd_commit and in _parse_outcomes.
begin;
select plan(2);

select results_eq($$ select gendurable._text_problem(o) from unnest(array[
        '{"step": {"a": 1}}', '{"step": "s", "rate_limit": ["a"]}', '{"concurrency_key": {}}',
        '{"kind": "await", "names": ["a", {"b": 1}]}', '{"kind": "await", "names": ["a", ""]}',
        jsonb_build_object('kind', 'await', 'names', array[repeat('x', 1001)])]::jsonb[]) as o $$,
    $$ values ('step is object, not a string'), ('rate_limit is array, not a string'),
        ('concurrency_key is object, not a string'),
              ('a name is object, not a string'), ('a name is empty or longer than 1,000 bytes'),
              ('a name is empty or longer than 1,000 bytes') $$,
    'it says which text is none, and why a name is no name');
select is_empty($$ select o from unnest(array[
        '{"step": "{a}", "rate_limit": "[b", "concurrency_key": "{", "names": null}', '{"step": 5, "rate_limit": null}',
        '{"kind": "await", "names": ["{d}", "[e", 7]}', '{"kind": "next", "names": [""]}',
        jsonb_build_object('kind', 'await', 'names', array[repeat('x', 1000), repeat('y', 1000)])]::jsonb[]) as o
    where gendurable._text_problem(o) is not null $$, 'what only looks like it is fine');

select * from finish();
rollback;
