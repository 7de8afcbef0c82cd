-- The barrier of a parent goes with it.
begin;
select plan(4);

insert into gendurable.countdowns (parent_id, round, pending) values (1, 1, 5), (2, 1, 9), (2, 3, 4), (3, 1, 7);
select gendurable._drop_barriers('{1,2,99}', '{1,3,1}') \g /dev/null
select results_eq('select parent_id, round, pending from gendurable.countdowns order by parent_id', $$
    values (2::bigint, 1, 9), (3, 1, 7) $$, 'of the round that is named, and no other one''s');

select gd_register('w') as w \gset
select gd_enqueue('P') \g /dev/null
select id as p, fence as f from gd_pick(:w, 'default', 1) \gset
select gd_commit(:w, jsonb_build_array(jsonb_build_object('id', :p, 'fence', :f, 'kind', 'schedule_children',
    'children', '[{"fsm": "C"}, {"fsm": "C"}]'::jsonb))) \g /dev/null
select is((select array_agg(pending) from gendurable.countdowns where parent_id = :p), '{2}',
    'a parent that waits has a barrier');
select gd_cancel((select min(id) from gendurable.instances where fsm = 'C')) \g /dev/null
select is((select array_agg(pending) from gendurable.countdowns where parent_id = :p), '{1}',
    'one, whatever was counted');
select gd_cancel(:p) \g /dev/null
select is((select array_agg(pending) from gendurable.countdowns where parent_id = :p), null,
    'and none once it was cancelled');

select * from finish();
rollback;
