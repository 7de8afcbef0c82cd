-- gd_retry_many: several failed instances are brought back.
begin;
\ir ../prelude.psql
select plan(10);
create function pg_temp.retry(ids bigint[]) returns text language sql as $$
    select string_agg(coalesce(m.fsm, r.id::text) || ' ' || r.result, ', ' order by r.ordinality)
        from gd_retry_many(ids) with ordinality as r left join made as m on m.id = r.id
$$;
create function pg_temp.fail(fsm text, more jsonb default '{}') returns text language sql as $$
    select pg_temp.put(fsm, more)::text || pg_temp.pick(1) || pg_temp.commit(fsm, 'stop') $$;
select pg_temp.fail('a', '{"step": "broken", "state": {"n": 1}}'), pg_temp.fail('b'),
    pg_temp.fail('k1', '{"correlation_key": "k"}'), pg_temp.fail('k2', '{"correlation_key": "k"}'),
    pg_temp.put('live') \g /dev/null
select is(pg_temp.retry(array[pg_temp.id('b'), 0, pg_temp.id('live'), pg_temp.id('k2'), pg_temp.id('k1'),
    pg_temp.id('a'), pg_temp.id('b')]),
    'b retried, 0 no_target, live not_failed, k2 retried, k1 key_taken, a retried, b not_failed',
    'each is answered, in order');
select results_eq($$ select i.step, i.state, i.attempt from gendurable.instances as i where i.fsm = 'a' $$, $$
    values ('broken', '{"n": 1}'::jsonb, 0) $$, 'each goes on where it failed');
select is((select k.instance_id from gendurable.correlation_keys as k), pg_temp.id('k2'),
    'of two with one key the first has it');
select is(pg_temp.status('k1'), 'failed', 'the other one stays where it is');
select is(pg_temp.retry('{}'), null, 'none');
select is(pg_temp.refusal('select * from gd_retry_many(null)'), 'GD001 ids is required', 'ids are required');
select is(pg_temp.refusal('select * from gd_retry_many(array[1, null])'), 'GD003 ord 2: id is required',
    'each of them');
select is(current_setting('lock_timeout'), '0', 'no setting is left behind');

-- Wherever they are kept; of one key the first that is named, wherever that is.
select pg_temp.fail('p1', '{"correlation_key": "p", "priority": -5}'),
    pg_temp.fail('p2', '{"correlation_key": "p", "priority": -5}'),
    pg_temp.fail('p3', '{"correlation_key": "p", "priority": -5}') \g /dev/null
create table gendurable.finished_20200101_00 (like gendurable.finished);
alter table gendurable.finished attach partition gendurable.finished_20200101_00 for values
    from ('2020-01-01') to ('2020-02-01');
update gendurable.finished as f set finished_at = '2020-01-05' where f.fsm = 'p2';
insert into gendurable.kept select * from gendurable.finished as f where f.fsm = 'p3';
delete from gendurable.finished as f where f.fsm = 'p3';
select is(pg_temp.retry(array[pg_temp.id('p3'), pg_temp.id('p1'), pg_temp.id('p2'), pg_temp.id('p3')]),
    'p3 retried, p1 key_taken, p2 key_taken, p3 not_failed', 'of three in three tables');
select gd_cancel(pg_temp.id('p3')) \g /dev/null
select is(pg_temp.retry(array[pg_temp.id('p2'), pg_temp.id('p3')]), 'p2 retried, p3 key_taken', 'each from its own');

select * from finish();
rollback;
