-- How much the children of a join weigh.
begin;
select plan(3);

select gd_register('w') as w \gset
select id as parent from gd_enqueue('P') \gset
select fence as fence from gd_pick(:w, 'default', 1) \gset
select count(*) from gd_commit(:w,
    jsonb_build_array(jsonb_build_object('id', :parent, 'fence', :fence, 'kind', 'schedule_children', 'children',
        '[{"fsm": "C"}, {"fsm": "D"}]'::jsonb))) \g /dev/null
create temp table child as select * from gd_pick(:w, 'default', 2);
select count(*) from gd_commit(:w,
    (select jsonb_agg(jsonb_build_object('id', c.id, 'fence', c.fence, 'kind', 'done', 'result',
        to_jsonb(repeat('x', 1000)))) from child as c)) \g /dev/null

select is((gendurable._weigh_children(:parent, 1, null))[1], 2 * gendurable._listed_size('C'),
    'a list without what they carry');
select cmp_ok((gendurable._weigh_children(:parent, 1, null))[2], '>', 2000::bigint, 'and with it');
select is((gendurable._weigh_children(:parent, 9, null))[2], null, 'a round of none weighs nothing');

select * from finish();
rollback;
