-- The current lease of a worker is its newest row.
begin;
select plan(4);

insert into gendurable.leases (worker_id, seq, lease_until, idle_queues) values (7, 1, 'epoch', '{a}'),
    (7, 3, 'infinity', '{b}'), (7, 2, 'epoch', '{}'), (6, 9, 'epoch', '{}'), (8, 1, 'epoch', '{}');
select results_eq('select l.* from gendurable._lease(7) as l', $$
    values (7::bigint, 3::bigint, 'infinity'::timestamptz, null::timestamptz, '-infinity'::timestamptz, '{b}'::text[])
    $$, 'the newest row');
select is_empty('select from gendurable._lease(9)', 'of an unknown worker there is none');
select is_empty('select from gendurable._lease(null)', 'nor of none');
select results_eq($$ select w.id, l.seq from unnest('{6,7,8,9}'::bigint[]) as w (id) cross
    join lateral gendurable._lease(w.id) as l order by w.id $$,
    $$ values (6::bigint, 9::bigint), (7, 3), (8, 1) $$, 'of many workers, each its own');

select * from finish();
rollback;
