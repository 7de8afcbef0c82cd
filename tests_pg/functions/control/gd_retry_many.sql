-- gd_retry_many: several failed instances are brought back.
begin;
\ir ../prelude.psql
select plan(8);
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

select * from finish();
rollback;
