-- The children of a whole batch of parents, created at once.
begin;
select plan(7);

insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue, round)
overriding system value
select 1000 + n, now(), now(), now(), 'executing', 's', '{}', 0, 1, 'p', 'q' || n, n from generate_series(1, 5) as n;
select gd_enqueue('occupant', correlation_key => 'taken') \g /dev/null
create function pg_temp.create_children(p_outcomes jsonb, out pending int[], out duplicates jsonb[]) language sql as $$
    select c.pending, c.duplicates from gendurable._create_children(gendurable._parse_outcomes(
        (select jsonb_agg('{"fence": 1, "kind": "schedule_children", "names": ["n"], "step": "s"}'::jsonb || o
            order by n) from jsonb_array_elements(p_outcomes) with ordinality as x (o, n)))) as c
$$;
-- In another order than that of the ids, among outcomes of other kinds.
create temp table made as select c.* from pg_temp.create_children('[
    {"id": 1004, "children": [{"fsm": "d1"}]}, {"id": 1005, "kind": "await", "children": [{"fsm": "no"}]},
    {"id": 1003, "children": []},
    {"id": 1002, "children": [{"fsm": "b1", "queue": "own"}, {"fsm": "b2", "correlation_key": "taken"},
    {"fsm": "b3", "correlation_key": "new"}, {"fsm": "b4"}]},
    {"id": 1001, "children": [{"fsm": "a1", "correlation_key": "taken"}]}]') as c;
select is((select pending from made), '{0,3,0,1}',
    'how many there are to wait for, in the order of the parents'' ids; none where none was given, or a duplicate '
    'alone');
select results_eq($$ select i.parent_id, i.parent_round, i.ord, i.fsm, i.queue from gendurable.instances as i
    where i.parent_id is not null order by i.id $$,
    $$ values (1002::bigint, 3, 1, 'b1', 'own'), (1002, 3, 3, 'b3', 'q2'), (1002, 3, 4, 'b4', 'q2'),
        (1004, 5, 1, 'd1', 'q4') $$,
    'each child has its own parent, that one''s next round and queue, and its place among its siblings');
select is((select duplicates from made), array[
        jsonb_build_array(jsonb_build_object('round', 2, 'ord', 1, 'id', k.instance_id, 'fsm', 'a1')),
        jsonb_build_array(jsonb_build_object('round', 3, 'ord', 2, 'id', k.instance_id, 'fsm', 'b2')), null, null],
        'duplicates are told by parent')
from gendurable.correlation_keys as k where k.key = 'taken';

-- One new key, named by two parents of the batch.
truncate made;
insert into made select c.*
    from pg_temp.create_children(
        '[{"id": 1002, "children": [{"fsm": "x", "correlation_key": "both"}]}, {"id": 1001, "children": [{"fsm": "y", '
        '"correlation_key": "both"}]}]') as c;
select is((select pending from made), '{1,0}', 'of two parents that name one new key the first in order has the child');
select is((select (duplicates[2] #>> '{0,id}')::bigint from made),
    (select i.id from gendurable.instances as i where i.fsm = 'y'), 'and the other one its duplicate');

select throws_ok($$ select pg_temp.create_children(
    '[{"id": 1003, "children": [{"fsm": "fine"}]}, {"id": 1001, "children": [{}]}]') $$, 'GD003',
    'gendurable: a bad entry in the batch', 'a bad child is refused with all of them');
select is((select pending from pg_temp.create_children('[{"id": 1003}]')), '{0}', 'absent children are none');

select * from finish();
rollback;
