-- What workers hold: only from a bound on is it looked for.
begin;
select plan(6);

select gd_register('a') as a, gd_register('b') as b, gd_register('c') as c \gset
insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, claimed_at, worker_id, phase, step, state,
    priority, fsm_version, fsm, queue)
select 1000 + n, now(), now(), now(), now() - n * interval '1 s', case when n <= 3 then :a when n <= 5 then :b end,
    (case when n <= 5 then 'executing' else 'ready' end)::gendurable.phase, 's', '{}', 0, 1, 'm', 'q'
from generate_series(1, 7) as n;
create function pg_temp.held(variadic p_workers bigint[]) returns text language sql as $$
    select string_agg(c.worker_id || ':' || c.id, ' ' order by c.id) from gendurable._claims(p_workers) as c
$$;
select is(pg_temp.held(:a, :b, :c, -1), format('%s:1001 %s:1002 %s:1003 %s:1004 %s:1005', :a, :a, :a, :b, :b),
    'everything, each by its worker');
select is(pg_temp.held(:c), null, 'nothing');
update gendurable.leases set claims_since = now() - interval '2 s' where worker_id = :a;
select is(pg_temp.held(:a), format('%s:1001 %s:1002', :a, :a), 'from the bound of its lease on');
select is(pg_temp.held(:b), format('%s:1004 %s:1005', :b, :b), 'which is its own');
select gendurable._delete_workers(array[:a, :b]) \g /dev/null
select is(pg_temp.held(:a, :b), format('%s:1001 %s:1002 %s:1004 %s:1005', :a, :a, :b, :b),
    'of those that were forgotten as well');
select is(pg_temp.held(variadic $${}$$), null, $$of none nothing$$);

select * from finish();
rollback;
