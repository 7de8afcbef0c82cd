-- The versions for the entries of a batch that name none.
begin;
select plan(5);

create function pg_temp.versions(p_entries jsonb) returns jsonb language sql as $$
    select gendurable._newest_versions(gendurable._parse_entries(p_entries)) $$;
select is(pg_temp.versions('[{"fsm": "m"}, {"fsm": "n"}]'), null, 'none ever declared any machine');
select gd_register('w', info => '{"machines": [{"fsm": "m", "version": 3}, {"fsm": "n", "version": 2}]}') \g /dev/null
select is(pg_temp.versions('[{"fsm": "m"}, {"fsm": "n"}, {"fsm": "m"}, {"fsm": "other"}]'),
    '{"m": 3, "n": 2, "other": 1}', 'each machine once');
select is(pg_temp.versions('[{"fsm": "m"}, {"fsm": "n", "fsm_version": 7}]'), '{"m": 3}',
    'those whose version is given are not asked for');
select is(pg_temp.versions('[{"fsm": "n", "fsm_version": 7}]'), null, 'all are given');
select is(pg_temp.versions('[{"fsm": "\"q\" {}''"}]'), jsonb_build_object('"q" {}''', 1), 'any name');

select * from finish();
rollback;
