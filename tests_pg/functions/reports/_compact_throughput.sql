-- Minutes that are over are added up, and forgotten after a day.
begin;
select plan(12);
create function pg_temp.add(ago interval, kind text, n int default 1) returns void language sql as $$
    insert into gendurable.throughput (minute, queue, fsm, step, kind, count, seconds, slowest)
    select date_trunc('minute', now()) - ago, 'q', 'f', 's', kind, i, i, i from generate_series(1, n) as i
$$;
create function pg_temp.rows() returns text language sql as $$
    select string_agg(concat_ws(' ', t.kind, t.count, t.seconds, t.slowest, t.compacted), ', ' order by t.minute,
        t.kind, t.count) from gendurable.throughput as t
$$;
select pg_temp.add('10 minutes', 'done', 3), pg_temp.add('10 minutes', 'stop', 2), pg_temp.add('9 minutes', 'done', 2),
    pg_temp.add('0', 'done', 2) \g /dev/null
create temp table before as table gd_throughput;
select is(gendurable._compact_throughput(), false, 'it is soon done');
select is(pg_temp.rows(), 'done 6 6 3 t, stop 3 3 2 t, done 3 3 2 t, done 1 1 1 f, done 2 2 2 f',
    'what is over is added up, the present minute is not');
select results_eq('table gd_throughput', 'table before', 'no view shows a difference');
select results_eq('select m.minute from gd_throughput as m', 'select b.minute from before as b order by b.minute desc',
    'the newest comes first');
select pg_temp.add('10 minutes', 'done') \g /dev/null
select gendurable._compact_throughput() \g /dev/null
select is(pg_temp.rows(), 'done 1 1 1 f, done 6 6 3 t, stop 3 3 2 t, done 3 3 2 t, done 1 1 1 f, done 2 2 2 f',
    'what comes too late stays as it is');
select is((select t.count from gd_throughput as t where t.kind = 'done' order by t.minute limit 1), 7::bigint,
    'and is counted');
select pg_temp.add('25 hours', 'old', 3) \g /dev/null
select is((select count(*)::int from gd_throughput as t where t.kind = 'old'), 0,
    'what is over for a day is not shown');
select gendurable._compact_throughput() \g /dev/null
select is((select count(*)::int from gendurable.throughput as t where t.kind = 'old'), 0, 'and is forgotten');
select is((select string_agg(p.task, ' ' order by p.task) from gendurable.progress as p), 'throughput throughput_old',
    'it notes how far it came');
select gd_set_retention('1 day') \g /dev/null
select is((select count(*)::int from gendurable.progress as p), 2, 'which the retention does not change');

-- A flood.
select pg_temp.add('5 minutes', 'done', 50000) \g /dev/null
do $$ begin while gendurable._compact_throughput() loop null; end loop; end $$;
select is((select t.count from gd_throughput as t where t.minute = date_trunc('minute', now()) - interval '5 minutes'),
    50000::bigint * 50001 / 2, 'many are added up, part by part');
select cmp_ok((select count(*) from gendurable.throughput), '<', 50::bigint, 'and few rows are left');

select * from finish();
rollback;
