-- `done` and `stop` of claims that are held; gd_commit tests what ends with an instance.
begin;
select plan(8);

select gd_register('me') as me \gset
create temp table e as select e.*
    from gd_enqueue_many('[{"fsm": "m", "correlation_key": "a"}, {"fsm": "m", "correlation_key": "b"}, {"fsm": "m", '
        '"correlation_key": "c"}, {"fsm": "m", "correlation_key": "d"}]') as e;
create temp table p as select p.* from gd_pick(:me, 'default', 4) as p;
select is((select count(gd_signal(e.id, 'n', dedup_key => 'd'))::int from e), 4, 'a signal each');
update gendurable.instances set parent_id = 42, parent_round = 2, ord = 7, weight = 2.5, priority = 4, rate_limit = 'r',
    concurrency_key = 'c', correlation_scope = '{runnable}', attempt = 3
where id = (select id from e where ord = 1);
create function pg_temp.outcomes() returns gendurable.outcome[] language sql as $$
    select gendurable._parse_outcomes(jsonb_agg(jsonb_build_object('id', e.id, 'fence',
        test.fence(e.id) + case when e.ord = 4 then 1 else 0 end, 'kind', ('{done,stop,retry,done}'::text[])[e.ord],
        'result', '"r"'::jsonb, 'error', '"e"'::jsonb) order by e.ord)) from e
$$;
update gendurable.correlation_keys set instance_id = 42 where key = 'b';
create temp table before as select i.* from gendurable.instances as i;
select lives_ok('select gendurable._finish(pg_temp.outcomes())', 'apply');
select results_eq('select e.ord from e where exists (select from gendurable.instances as i where i.id = e.id) order by '
    'e.ord', 'values (3), (4)',
    'it takes outcomes of kind done and stop, under their fence, and leaves the others');
select results_eq('select e.ord, f.failed, f.result, f.error from e join gendurable.finished as f on f.id = e.id order '
    'by e.ord',
    $$ values (1, false, '"r"'::jsonb, null::jsonb), (2, true, null, '"e"') $$,
    'a result is of done, an error of stop');
select results_eq(
    $$ select enqueued_at, fence, parent_id, weight, attempt, parent_round, ord, priority, fsm_version, fsm, step,
        queue, state, rate_limit, concurrency_key, correlation_key,
              correlation_scope from gendurable.finished where correlation_key = 'a' $$,
    $$ select enqueued_at, fence + 1, parent_id, weight, attempt, parent_round, ord, priority, fsm_version, fsm, step,
        queue, state, rate_limit, concurrency_key, correlation_key,
              correlation_scope from before where correlation_key = 'a' $$,
              'the archive keeps all that the instance was; the fence grows once more');
select results_eq('select k.key collate "default", k.instance_id = e.id from gendurable.correlation_keys as k left '
    'join e on e.id = k.instance_id order by k.key', $$ values ('b', null), ('c', true), ('d', true) $$,
    'only what ends frees its key, and only one that is its own');
select results_eq('select e.ord from e join gendurable.signals as s on s.instance_id = e.id order by e.ord',
    'values (3), (4)', 'only what ends loses its inbox');
select results_eq('select e.ord from e join gendurable.dedup_keys as d on d.instance_id = e.id order by e.ord',
    'values (3), (4)', 'only what ends loses its deduplication keys');

select * from finish();
rollback;
