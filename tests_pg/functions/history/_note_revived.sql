-- A failed instance that is brought back is noted.
begin;
\ir ../prelude.psql
select plan(3);
create function pg_temp.fail(fsm text) returns text language sql as $$
    select pg_temp.put(fsm)::text || pg_temp.pick(1) || pg_temp.commit(fsm, 'stop') $$;
select pg_temp.fail('m'), pg_temp.fail('silent'), gd_set_history('silent', 'none') \g /dev/null
select is(gd_retry(pg_temp.id('m'), 'other') || ' ' || gd_retry(pg_temp.id('silent')), 'retried retried',
    'two are brought back');
select results_eq($$ select h.instance_id, h.step, h.attempt, h.started_at, h.worker,
    h.detail from gendurable.history as h where h.event = 'revived' $$,
    format($$ values (%s::bigint, 'other', 0, null::timestamptz, null::text, null::jsonb) $$, pg_temp.id('m')),
    'where the level asks for it, with the step that it goes on with');
select pg_temp.pick(1) || pg_temp.commit('m', 'stop') || gd_retry(pg_temp.id('m')) \g /dev/null
select is((select string_agg(h.event || ' ' || h.step, ', ' order by h.at) from gd_history(pg_temp.id('m')) as h),
    'stop start, revived other, stop other, revived other', 'the history of its earlier life stays');

select * from finish();
rollback;
