-- View gd_workers: registered workers.
begin;
select plan(4);
select test.up_for_ever();

select columns_are('public', 'gd_workers', '{id,name,queues,executing,registered_at,lease_until,alive,info}',
    'the documented columns');
select gd_register('w', '{a,b}', '1 hour', '{"host": "h"}') as w, gd_register('over') as over \gset
select count(*) as made from gd_enqueue_many(
    '[{"fsm": "m", "queue": "a"}, {"fsm": "m", "queue": "a"}, {"fsm": "m", "queue": "a"}]') \gset
select count(*) as r from gd_pick(:w, 'a', 2) \gset
update gendurable.leases set lease_until = now() - interval '1 ms' where worker_id = :over;
select results_eq($$ select name, queues, executing, lease_until - registered_at, alive,
    info from gd_workers order by id $$,
    $$ select 'w', '{a,b}'::text[], 2::bigint, interval '1 hour', true, '{"host": "h"}'::jsonb
       union all select 'over', '{default}', 0, lease_until - registered_at, false,
           '{}' from gendurable.workers join gendurable.leases on worker_id = id where name = 'over' $$,
    'one row for each worker, with what it executes and whether its lease runs');
update gendurable.leases set lease_until = now() where worker_id = :over;
select is((select alive from gd_workers where id = :over), true, 'a lease runs to its very end');
select gd_unregister(:w) as r \gset
select results_eq('select name from gd_workers', $$ values ('over') $$, 'a worker that left is not there');

select * from finish();
rollback;
