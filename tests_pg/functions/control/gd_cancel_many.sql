-- gd_cancel_many: several instances are cancelled.
begin;
\ir ../prelude.psql
select plan(11);
create function pg_temp.cancel(ids bigint[], reason text default null) returns text language sql as $$
    select string_agg(coalesce(m.fsm, c.id::text) || ' ' || c.result, ', ' order by c.ordinality)
        from gd_cancel_many(ids, reason) with ordinality as c left join made as m on m.id = c.id
$$;
select pg_temp.put('a'), pg_temp.put('b'), pg_temp.put('c'), pg_temp.put('d') \g /dev/null
select pg_temp.pick(1) || pg_temp.commit('a', 'done') || pg_temp.pick(1) \g /dev/null
select is(pg_temp.cancel(array[pg_temp.id('c'), 0, pg_temp.id('b'), pg_temp.id('a'), pg_temp.id('c')], 'why'),
    'c cancelled, 0 no_target, b cancelled, a no_target, c cancelled',
    'each is answered, in order; those that live are cancelled, executing or not');
select is((select string_agg(i.status || ' ' || coalesce(i.error ->> 'reason', '-'), ', ' order by i.fsm)
    from gd_instances as i), 'done -, failed why, failed why, runnable -', 'with the reason');
select is(pg_temp.cancel(array[pg_temp.id('c')]), 'c no_target', 'once');
select is(pg_temp.cancel('{}'), null, 'none');
select is(pg_temp.refusal('select * from gd_cancel_many(null)'), 'GD001 ids is required', 'ids are required');
select is(pg_temp.refusal(format('select * from gd_cancel_many(array[%s, null])', pg_temp.id('d'))),
    'GD003 ord 2: id is required', 'each of them');
select is(pg_temp.status('d'), 'runnable', 'a list that is refused cancels nothing');

-- Children and their parents.
select pg_temp.pick(1) || pg_temp.commit('d', 'schedule_children',
    '{"children": [{"fsm": "k1"}, {"fsm": "k2"}, {"fsm": "k3"}]}') || pg_temp.pick(3) \g /dev/null
select is(pg_temp.cancel(array[pg_temp.id('k1'), pg_temp.id('k2')]), 'k1 cancelled, k2 cancelled', 'children');
select is((select i.children_pending from gd_instances as i where i.fsm = 'd'), 1, 'are counted');
select is(pg_temp.cancel(array[pg_temp.id('k3'), pg_temp.id('d')]), 'k3 cancelled, d cancelled',
    'the last one, together with its parent');
select is((select count(*)::int from gendurable.instances), 0, 'nothing is left');

select * from finish();
rollback;
