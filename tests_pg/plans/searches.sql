-- Searches of instances: bounded by what they look at, on 100,000 finished and 20,000 live instances, with plans that
-- were made while there was nothing.
begin;
\ir prelude.psql
select plan(24);
select count(*) from gd_find() as a, gd_find(status => '{failed}') as b, gd_find(correlation_key => 'k') as c,
    gd_stuck(1), gd_lines('rate', 'r') \g /dev/null
insert into gendurable.finished (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm, step,
    queue, state, correlation_key)
select n, now() - interval '1 hour', now(), 2, 0, 0, 1, n % 1000 = 1, 'F' || n % 7, 'start', 'q', '{}',
    'order:' || n from generate_series(1, 100000) as n;
insert into gendurable.kinds (queue, fsm, fsm_version, step) overriding system value values ('q', 'F3', 1, 's');
insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue, concurrency_key, lane)
select n, now(), now(), now(), 'ready', 's', '{}', 0, 1, 'F3', 'q', 'k:' || n % 10,
    (select k.id::bigint << 40 from gendurable.kinds as k) from generate_series(100001, 120000) as n;
insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue)
select n, now(), 'infinity', now(), 'awaiting_signal', 's', '{}', 0, 1, 'F3',
    'q' from generate_series(120001, 120050) as n;

select test.cheap('the newest', 'select cardinality(ids) from gd_find()', 100);
select test.cheap('what there is none of', $$ select looked from gd_find(fsm => 'none', looks => 1000) $$, 1000);
select is((select looked from answer), 1000, '... looked at as many as it may');
select test.cheap('the finished below the live', $$ select cardinality(ids) from gd_find(status => '{done}') $$, 110);
select test.cheap('what waits, which are few', $$
    select cardinality(ids) from gd_find(status => '{awaiting_signal}') $$, 120);
select is((select cardinality from answer), 50, '... all of it');
select test.cheap('what is runnable, which are many', $$
    select cardinality(ids) from gd_find(status => '{runnable}', looks => 500) $$, 1100);
select is((select cardinality from answer), 100, '... a page');
select test.cheap('what has failed', $$ select cardinality(ids) from gd_find(status => '{failed}') $$, 220);
select is((select cardinality from answer), 100, '... all of it');
select test.cheap('a key', $$ select cardinality(ids) from gd_find(correlation_key => 'order:777') $$, 10);
select is((select cardinality from answer), 1, '... the one');
select test.cheap('the beginning of a few keys', $$ select cardinality(ids) from gd_find(key_prefix => 'order:777') $$,
    130);
select is((select cardinality from answer), 100, '... a page of 111');
select test.cheap('the beginning of too many keys', $$
    select cardinality(ids) from gd_find(key_prefix => 'order:', looks => 500) $$, 510);
select is((select cardinality from answer), 0, '... the newest have none');
select test.cheap('what is stuck, some of it', $$ select count(*) from gd_stuck(50) $$, 500);
select is((select count from answer), 50::bigint, '... fifty');
select test.cheap('why one does not run', 'select reason from gd_why(100777)', 200);
select is((select reason from answer), 'no_worker', '... and why');

select gd_register('w', '{q}') \g /dev/null
select test.cheap('why the first of many does not run yet', 'select detail from gd_why(100001)', 50);
select matches((select detail from answer), ' 0 more urgent', '... nothing comes before it');
select test.cheap('why the last one does not', 'select detail from gd_why(120000)', 10010);
select matches((select detail from answer), ' at least 10000 more urgent', '... counted as far as that');

select * from finish();
rollback;
