-- What is free is locked, with the parents that count it. (What is not is in tests_pg/races/bulk.sql.)
begin;
\ir ../prelude.psql
select plan(3);
select pg_temp.put('p'), pg_temp.put('a') \g /dev/null
select pg_temp.pick(1) || pg_temp.commit('p', 'schedule_children', '{"children": [{"fsm": "k", "delay": 3600}]}')
    \g /dev/null
select i.id as k from gendurable.instances as i where i.fsm = 'k' \gset
select is(gendurable._lock_free(array[:k, pg_temp.id('a'), 0]::bigint[]), array[pg_temp.id('a'), :k]::bigint[],
    'those that live');
select is((select string_agg(i.fsm, ' ' order by i.fsm) from gendurable.instances as i
    where i.xmax <> 0 and i.xmax::text = pg_current_xact_id()::xid::text), 'a k p', 'and the parent');
select is(gendurable._lock_free('{}'), '{}', 'none');

select * from finish();
rollback;
