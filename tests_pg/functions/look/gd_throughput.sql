-- View gd_throughput: how many steps the workers have run.
begin;
select plan(3);

select columns_are('public', 'gd_throughput', '{minute,queue,fsm,step,kind,count,seconds,slowest}',
    'the documented columns');
insert into gendurable.throughput (minute, queue, fsm, step, kind, count, seconds, slowest)
select date_trunc('minute', now()) - m * interval '1 minute', 'q', 'f', 's', 'done', 1, m,
    m from unnest('{3,1,2,1,3000}'::int[]) as m;
select results_eq('select t.count, t.seconds, t.slowest from gd_throughput as t', $$
    values (2::bigint, 2::float8, 1::float8), (1, 2, 2), (1, 3, 3) $$, 'by minute, the newest first, for a day');
select is((select count(*)::int from gd_throughput as t where t.minute < now() - interval '1 day'), 0, 'no longer');

select * from finish();
rollback;
