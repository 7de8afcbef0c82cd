-- Which workers sleep, and where.
begin;
select plan(4);

select gd_register('a', '{p,q}') as a, gd_register('b', '{p}') as b, gd_register('c', '{}') as c \gset
select is_empty('select from gendurable._sleeping()', 'none that has not picked');
select gd_pick(:a, 'q', 1), gd_pick(:a, 'p', 1), gd_pick(:b, 'other', 1) \g /dev/null
select results_eq('select s.worker_id, s.queues from gendurable._sleeping() as s order by 1',
    format($$ values (%s::bigint, '{q,p}'::text[]), (%s, '{other}') $$, :a, :b),
    'those whose picks came back short, in every queue of which they did');
select gd_enqueue('m', queue => 'q') \g /dev/null
select gd_pick(:a, 'q', 1) \g /dev/null
select results_eq('select s.worker_id, s.queues from gendurable._sleeping() as s order by 1',
    format($$ values (%s::bigint, '{p}'::text[]), (%s, '{other}') $$, :a, :b),
    'not where the latest one got all it asked for');
select gd_unregister(:a) \g /dev/null
select results_eq('select s.worker_id from gendurable._sleeping() as s', format('values (%s::bigint)', :b),
    'one that has left sleeps nowhere');

select * from finish();
rollback;
