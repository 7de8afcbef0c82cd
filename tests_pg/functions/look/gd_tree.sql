-- gd_tree: an instance and its descendants.
begin;
\ir ../prelude.psql
select plan(7);

select pg_temp.put('root') \g /dev/null
select pg_temp.pick(1) \g /dev/null
select pg_temp.commit('root', 'schedule_children', '{"children": [{"fsm": "a"}, {"fsm": "b"}]}') \g /dev/null
select pg_temp.pick(2) \g /dev/null
select pg_temp.commit('a', 'schedule_children', '{"children": [{"fsm": "c", "correlation_key": "k"}]}'),
    pg_temp.commit('b', 'stop', '{"error": "no"}') \g /dev/null
select pg_temp.pick(1) \g /dev/null
select results_eq($$ select id, parent_id, depth, fsm, status, correlation_key, error from gd_tree(pg_temp.id('root'))
    $$,
    $$ select pg_temp.id(v.fsm), pg_temp.id(v.parent), v.depth, v.fsm, v.status, v.key, v.error::jsonb from (values
       ('root', null, 0, 'awaiting_children', null, null), ('a', 'root', 1, 'awaiting_children', null, null),
       ('b', 'root', 1, 'failed', null, '"no"'), ('c', 'a', 2, 'executing', 'k', null)) as v (fsm, parent, depth,
       status, key, error) $$,
    'parents before children, live and finished');
select results_eq($$ select fsm, depth from gd_tree(pg_temp.id('a')) $$, $$
    values ('a', 0), ('c', 1) $$, 'a part of it');
select results_eq($$ select fsm, finished_at is not null from gd_tree(pg_temp.id('b')) $$, $$
    values ('b', true) $$, 'a leaf');
select is((select count(*)::int from gd_tree(pg_temp.id('root'), 2)), 2, 'not more than asked for');
select is_empty($$ select * from gd_tree(-1) $$, 'an unknown instance');
select is(pg_temp.refusal('select * from gd_tree(null)'), 'GD001 root is required', 'none');
select is(pg_temp.refusal('select * from gd_tree(1, -1)'), 'GD002 most is -1', 'less than nothing');

select * from finish();
rollback;
