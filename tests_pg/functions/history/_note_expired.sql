-- Parks whose deadline is over are noted.
begin;
\ir ../prelude.psql
select plan(4);
select pg_temp.put('p'), pg_temp.put('s', '{"delay": "1 hour"}') \g /dev/null
select pg_temp.pick(1) \g /dev/null
select pg_temp.commit('p', 'await', '{"names": ["x", "y"], "step": "late", "timeout_ms": 0}') \g /dev/null

select gendurable._note_expired(array[pg_temp.id('p'), pg_temp.id('s')]) \g /dev/null
select is_empty('select from gendurable.history', 'not on the level errors');
select gd_set_history(null, 'steps') \g /dev/null
select gendurable._note_expired(array[pg_temp.id('p'), pg_temp.id('s')]) \g /dev/null
select results_eq($$ select h.instance_id, h.event, h.step, h.attempt, h.started_at, h.worker,
    h.detail from gendurable.history as h $$,
    format($$ values (%s::bigint, 'expired', 'late', 0, null::timestamptz, null::text, '{"names": ["x", "y"]}'::jsonb)
        $$, pg_temp.id('p')), 'on the level steps, with what it awaited; what is scheduled does not expire');
delete from gendurable.history;
select gd_set_history('p', 'errors') \g /dev/null
select gendurable._note_expired(array[pg_temp.id('p')]) \g /dev/null
select is_empty('select from gendurable.history', 'the level of its own fsm counts');
select gd_set_history('p', 'steps') \g /dev/null
update gendurable.instances set eligible_at = now() where fsm in ('p', 's');
select pg_temp.pick(1) \g /dev/null
select is((select string_agg(h.event, ' ') from gendurable.history as h), 'expired',
    'the pick that wakes them notes them');

select * from finish();
rollback;
