-- Dead workers are forgotten; what becomes of their claims is tested with gd_reap.
begin;
select plan(5);

select gd_register('a') as a, gd_register('b') as b, gd_register('c') as c \gset
select gd_enqueue('m') as e \gset
select id from gd_pick(:a, 'default', 1) \gset
select is(gendurable._forget_workers('{}'), 0, 'without a worker there is nothing to do');
select is((select count(*)::int from gendurable.workers), 3, 'no worker is forgotten');
select is(gendurable._forget_workers(array[:a, :b]::bigint[]), 1, 'it answers how many claims it released');
select results_eq('select name from gendurable.workers', $$ values ('c') $$, 'the workers are forgotten');
select results_eq('select phase::text, attempt, last_error - ''at'' from gendurable.instances', $$
    values ('ready', 1, '{"kind": "lost", "reason": "the worker died", "held": 1, "excused": 0}'::jsonb) $$,
    'their claims are lost executions');

select * from finish();
rollback;
