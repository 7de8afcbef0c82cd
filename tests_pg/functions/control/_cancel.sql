-- Cancellation of instances that the caller has locked; what gd_cancel makes of it is tested there.
begin;
\ir ../prelude.psql
select plan(4);

select pg_temp.put('a'), pg_temp.put('b', '{"concurrency_key": "k"}'), pg_temp.put('c') \g /dev/null
select pg_temp.pick(2) \g /dev/null
delete from gendurable.doorbells;
select is(gendurable._cancel(array[pg_temp.id('a'), pg_temp.id('b'), -1], 'why'), 2, 'those that live are counted');
select results_eq($$ select fsm, status, error from gd_instances order by fsm $$,
    $$ values ('a', 'failed', '{"kind": "cancelled", "reason": "why"}'::jsonb), ('b', 'failed', '{"kind": "cancelled", "reason": "why"}'), ('c', 'runnable', null) $$, 'and are failed, with the reason; no other one is touched');
select is((select string_agg(d.key, ' ') from gendurable.doorbells as d), 'k', 'the slot is rung for');
select is(gendurable._cancel('{}', 'nothing'), 0, 'none is none');

select * from finish();
rollback;
