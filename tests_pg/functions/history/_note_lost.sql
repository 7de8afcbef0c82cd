-- Lost executions are noted.
begin;
\ir ../prelude.psql
select plan(5);
select gd_set_history('silent', 'none') \g /dev/null
select pg_temp.put('m'), pg_temp.put('silent'), pg_temp.put('other') \g /dev/null
select pg_temp.pick(3) \g /dev/null
update gendurable.instances set attempt = 2, updated_at = now() - interval '1 minute' where fsm = 'm';

select gendurable._note_lost(array[pg_temp.id('m'), pg_temp.id('silent')], 'the worker died') \g /dev/null
select results_eq($$ select h.instance_id, h.event, h.step, h.attempt, h.worker, h.started_at,
    h.fence from gendurable.history as h $$,
    $$ select i.id, 'reaped', 'start', 2, 'me', now() - interval '1 minute', i.fence from gendurable.instances as i
        where i.fsm = 'm' $$, 'where the level asks for it, with the worker, and when the step began');
select is((select h.detail from gendurable.history as h),
    jsonb_build_object('worker', 'me', 'worker_id', :me, 'reason', 'the worker died'), 'and why');
delete from gendurable.history;
select is(gd_reap(:me), 3, 'a worker is reaped');
select is((select string_agg(m.fsm || ' ' || h.event || ' ' || h.worker, ', ' order by m.fsm)
    from gendurable.history as h join made as m on m.id = h.instance_id), 'm reaped me, other reaped me',
    'what it held is noted under its name');

select gd_register('orphan', '{q}') as orphan \gset
select pg_temp.pick(1, worker => :orphan) \g /dev/null
delete from gendurable.history;
select gendurable._delete_workers(array(select id from gendurable.workers)) \g /dev/null
select gd_reap() \g /dev/null
select results_eq($$ select h.worker, h.detail ->> 'worker_id' from gendurable.history as h $$,
    format($$ values (null::text, '%s') $$, :orphan), 'a worker that is forgotten already has a number, but no name');

select * from finish();
rollback;
