-- gd_status: what has become of an instance.
begin;
select plan(29);

select gd_register('me') as me \gset
create function pg_temp.commit(p_worker bigint, p_id bigint, p_outcome jsonb) returns text language plpgsql as $$
begin
    perform gd_pick(p_worker, 's', 1);
    return (select c.result from gd_commit(p_worker, jsonb_build_array(
        jsonb_build_object('id', p_id, 'fence', (select i.fence from gendurable.instances as i where i.id = p_id))
        || p_outcome)) as c);
end
$$;

select id as a from gd_enqueue('order', '{"n": 1}', 'go', 's', correlation_key => 'k', fsm_version => 3) \gset
select results_eq(format('select id, status, fsm, fsm_version, step, state, attempt, queue, correlation_key, result, '
    'error, enqueued_at, updated_at, finished_at from gd_status(%s)', :a),
    format($$ values (%s::bigint, 'runnable', 'order', 3, 'go', '{"n": 1}'::jsonb, 0, 's', 'k', null::jsonb,
        null::jsonb, now(), now(), null::timestamptz) $$, :a),
    'a live instance, with every field');
select results_eq($$ select * from gd_status('k') $$, format('select * from gd_status(%s)', :a), 'by key the same');
select is((select status from gd_status(:a)), 'runnable', 'ready is runnable');
update gendurable.instances set phase = 'scheduled' where id = :a;
select is((select status from gd_status(:a)), 'runnable', 'scheduled is runnable');
update gendurable.instances set phase = 'held' where id = :a;
select is((select status from gd_status(:a)), 'runnable', 'held is runnable');
update gendurable.instances set phase = 'awaiting_children' where id = :a;
select is((select status from gd_status(:a)), 'awaiting_children', 'awaiting_children is awaiting_children');
update gendurable.instances set phase = 'ready' where id = :a;
select is(pg_temp.commit(:me, :a, '{"kind": "retry", "error": {"e": 1}}'), 'committed', 'retry');
select results_eq(format('select attempt, error, updated_at > now() from gd_status(%s)', :a), $$
    values (1, '{"e": 1}'::jsonb, true) $$, 'the attempt and the last error of a live instance');
select is(pg_temp.commit(:me, :a, '{"kind": "await", "names": ["x"]}'), 'committed', 'await');
select is((select status from gd_status('k')), 'awaiting_signal', 'awaiting_signal is awaiting_signal');
select gd_signal('k', 'x') as r \gset
select is((select count(*)::int from gd_pick(:me, 's', 1)), 1, 'pick');
select is((select status from gd_status('k')), 'executing', 'executing is executing');
select is(pg_temp.commit(:me, :a, '{"kind": "done", "result": {"r": 1}, "state": {"n": 2}}'), 'committed', 'done');
select results_eq(format('select id, status, fsm, fsm_version, step, state, attempt, queue, correlation_key, result, '
    'error, enqueued_at, updated_at > now(), finished_at > now() from gd_status(%s)', :a),
    format($$ values (%s::bigint, 'done', 'order', 3, 'go', '{"n": 2}'::jsonb, 0, 's', 'k', '{"r": 1}'::jsonb,
        null::jsonb, now(), true, true) $$, :a),
    'a finished instance, with every field');
select is((select id from gd_status('k')), :a::bigint,
    'by key: the newest that carried it, when no instance occupies it');
select id as b from gd_enqueue('order', queue => 's', correlation_key => 'k') \gset
select is((select id from gd_status('k')), :b::bigint, 'by key: the occupant, when there is one');
select is(pg_temp.commit(:me, :b, '{"kind": "stop", "error": {"why": 1}}'), 'committed', 'stop');
select results_eq($$ select id, status, result, error from gd_status('k') $$,
    format($$ values (%s::bigint, 'failed', null::jsonb, '{"why": 1}'::jsonb) $$, :b),
    'by key: of several finished ones the newest');
select is((select status from gd_status(:a)), 'done', 'the older one is still there by id');
insert into gendurable.correlation_keys (key, instance_id) values ('k', :a);
select is((select id from gd_status('k')), :a::bigint,
    'by key: a finished occupant, before a newer one that does not occupy it');
delete from gendurable.correlation_keys where key = 'k';
select id as c from gd_enqueue('order', queue => 's') \gset
update gendurable.instances set correlation_key = 'k', correlation_scope = '{done}' where id = :c;
select is((select id from gd_status('k')), :c::bigint,
    'by key: the newest that carried it may be live without occupying it');
select id as d from gd_enqueue('order', queue => 's') \gset
select is(pg_temp.commit(:me, :c, '{"kind": "next", "step": "x"}') is not null, true, 'turn');
update gendurable.instances set correlation_key = 'k2', correlation_scope = '{done}' where id in (:c, :d);
select is((select id from gd_status('k2')), :d::bigint, 'by key: of several live ones the newest');

select is_empty($$ select * from gd_status(-1) $$, 'an unknown id has no row');
select is_empty($$ select * from gd_status('nobody') $$, 'an unknown key has no row');
select is_empty($$ select * from gd_status(null::text) $$, 'no key has no row');
select is_empty($$ select * from gd_status(null::bigint) $$, 'no id has no row');
update gendurable.finished set finished_at = now() - interval '2 days' where id in (:a, :b);
select cmp_ok(gd_gc(), '>=', 2, 'gc');
select is_empty(format('select * from gd_status(%s)', :a), 'what gc has forgotten has no row');

select * from finish();
rollback;
