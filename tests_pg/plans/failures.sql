-- Failures, the newest first, of the last hour, of one machine: read through indexes that only failures enter, on
-- 100,000 finished and 20,000 live instances.
begin;
\ir prelude.psql
select plan(9);
create table gendurable.old (like gendurable.finished);
alter table gendurable.finished attach partition gendurable.old for values from ('2020-01-01') to ('2020-01-02');
insert into gendurable.finished (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm, step,
    queue, state)
select n, now(), case when n % 2 = 0 then '2020-01-01 12:00+00'::timestamptz
    else now() - (n % 7200) * interval '1 s' end, 2, 0, 0, 1, n % 100 = 1 or n % 100 = 2, 'F' || n % 7, 'start', 'q',
    '{}' from generate_series(1, 100000) as n;
insert into gendurable.kept select f.* from gendurable.finished as f where f.id <= 20000;
delete from gendurable.finished as f where f.id <= 20000;
insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm,
    queue)
select now(), now(), now(), 'ready', 's', '{}', 0, 1, 'F3', 'q' from generate_series(1, 20000);
analyze gendurable.finished, gendurable.kept, gendurable.instances;

select test.cheap('the last hour''s failures of a machine, the newest first', $$
    select id from gd_instances where status = 'failed' and fsm = 'F3' and finished_at > now() - interval '1 hour'
        order by finished_at desc $$, 200);
select cmp_ok((select count(*) from answer), '>', 30::bigint, '… there are some');
select test.cheap('the newest failures of all', $$
    select id from gd_instances where status = 'failed' and finished_at > now() - interval '1 hour'
        order by finished_at desc limit 20 $$, 60);
select is((select count(*) from answer), 20::bigint, '… twenty');
select test.cheap('the newest failures of a machine, however old', $$
    select id from gd_instances where status = 'failed' and fsm = 'F3' and finished_at <= now()
        order by finished_at desc limit 20 $$, 60);
select is((select count(*) from answer), 20::bigint, '… twenty');
select test.cheap('how many', $$
    select fsm, count(*) from gd_instances where status = 'failed' and finished_at > now() - interval '1 hour'
        group by fsm $$, 600);
select is((select sum(answer.count) from answer),
    (select count(*)::numeric from gendurable.archive as a
        where a.failed and a.finished_at > now() - interval '1 hour'), '… all of them');
select is((select count(*) from pg_index as x join pg_class as c on c.oid = x.indexrelid
    where x.indrelid = 'gendurable.finished_default'::regclass and c.reltuples > 20000 and pg_get_expr(x.indpred,
        x.indrelid) ~ 'failed'), 0::bigint, 'only failures are in these indexes');

select * from finish();
rollback;
