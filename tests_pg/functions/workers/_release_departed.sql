-- What workers that were forgotten left behind; a claim whose row is locked is tested in races/commit_reap.sql.
begin;
select plan(7);

select gd_register('a') as a, gd_register('b') as b, gd_register('c') as c \gset
select gd_enqueue('m'), gd_enqueue('m'), gd_enqueue('m') \g /dev/null
select id as i from gd_pick(:a, 'default', 1) \gset
select count(*) from gd_pick(:b, $$default$$, 2) \g /dev/null
select is(gendurable._release_departed(), 0, 'where none was forgotten there is nothing to do');
select gendurable._delete_workers(array[:a, :c]) \g /dev/null
select is((select count(*)::int from gendurable.departed), 2, 'two are forgotten');
select is(gendurable._release_departed(), 1, 'what they held is released');
select results_eq(format('select phase::text, attempt, last_error - ''at'' from gendurable.instances where id = %s',
    :i),
    $$ values ('ready', 1, '{"kind": "lost", "reason": "the worker died", "held": 1, "excused": 1}'::jsonb) $$,
    'as lost, and excused');
select is((select count(*)::int from gendurable.departed), 0, 'and they are done with');
select is(gendurable._release_departed(), 0, 'once');
select is((select count(*)::int from gendurable.instances where worker_id = :b), 2,
    'a worker that is there keeps its claims');

select * from finish();
rollback;
