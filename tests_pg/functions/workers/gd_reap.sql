-- gd_reap: the claims of dead workers become runnable.
begin;
select plan(24);

-- In a queue of its own, so that it is this one that is picked.
create function pg_temp.claim(p_worker bigint) returns bigint language plpgsql as $$
declare
    v_id bigint := (select e.id
        from gd_enqueue('m', correlation_key => 'c' || p_worker, eligible_at => now() - interval '1 hour') as e);
begin
    update gendurable.instances set queue = 'q' || v_id where id = v_id;
    perform gd_pick(p_worker, 'q' || v_id, 1);
    return v_id;
end
$$;
create function pg_temp.row(p_id bigint) returns text language sql as $$
    select format('%s attempt=%s worker=%s claimed=%s eligible=%s error=%s', i.phase, i.attempt, i.worker_id,
        i.claimed_at, i.eligible_at - now(), i.last_error ->> 'kind')
    from gendurable.instances as i where i.id = p_id
$$;

select gd_register('alive') as alive, gd_register('over1') as over1, gd_register('over2') as over2,
    gd_register('gone') as gone, gd_register('idle') as idle \gset
select pg_temp.claim(:alive) as a, pg_temp.claim(:over1) as o1, pg_temp.claim(:over2) as o2,
    pg_temp.claim(:gone) as g \gset
select gd_signal(:o1, 'kept') as r, test.fence(:o1) as fence \gset
select is(gd_reap(), 0, 'of live workers nothing is reaped');
select is((select count(*)::int from gendurable.instances where phase = 'executing'), 4,
    'a reaper leaves the claims of live workers');

update gendurable.workers set lease = '0' where id in (:over1, :over2, :idle);
update gendurable.leases set lease_until = now() - interval '1 s' where worker_id in (:over1, :over2, :idle);
select gendurable._delete_workers(array[:gone]) \g /dev/null
select is(gd_reap(), 3, 'it answers how many claims it released');
select is(pg_temp.row(:o1), 'ready attempt=1 worker= claimed= eligible=-01:00:00 error=lost',
    'a claim of a dead worker is runnable again, one attempt later, in its place');
select is(test.fence(:o1), :fence, 'under the same fence');
select is(pg_temp.row(:o2), 'ready attempt=1 worker= claimed= eligible=-01:00:00 error=lost',
    'so is one of every other dead worker');
select is(pg_temp.row(:g), 'ready attempt=1 worker= claimed= eligible=-01:00:00 error=lost',
    'a claim whose worker no longer exists is released too');
select results_eq(format('select (last_error ->> %L)::int, (last_error ->> %L)::int from gendurable.instances where id '
    'in (%s, %s) order by id', 'held', 'excused', :o1, :g), 'values (1, 0), (1, 1)',
    'a claim that its dead worker held alone counts, one without a worker is excused: what else was held is not known');
select is((select status from gd_status(:a)), 'executing', 'the claims of live workers stay theirs');
select results_eq($$ select w.name from gendurable.workers as w $$, $$
    values ('alive') $$, 'dead workers are forgotten, with or without claims');
select is(gd_reap(), 0, 'reaping again finds nothing');
select is((select count(*)::int from gendurable.signals where instance_id = :o1), 1, 'reaping consumes no signal');
select is((select result from gd_commit(:over1,
    jsonb_build_array(jsonb_build_object('id', :o1, 'fence', :fence, 'kind', 'done')))), 'stale',
    'a late commit of a reaped worker is stale');
select is(pg_temp.row(:o1), 'ready attempt=1 worker= claimed= eligible=-01:00:00 error=lost',
    'a late commit of a reaped worker changes nothing');
select results_eq(format('select attempt, last_error ->> %L, fence > %s from gd_pick(%s, %L, 1)', 'kind', :fence,
    :alive, 'q' || :o1), $$ values (1, 'lost', true) $$,
    'the redo is told that the last execution was lost');

-- One worker, known to be dead.
select gd_register('killed') as killed, gd_register('bystander') as bystander \gset
update gendurable.workers set lease = '0' where id = :bystander;
update gendurable.leases set lease_until = now() - interval '1 s' where worker_id = :bystander;
select pg_temp.claim(:killed) as k, pg_temp.claim(:bystander) as b \gset
update gendurable.workers set lease = '0' where id = :bystander;
update gendurable.leases set lease_until = now() - interval '1 s' where worker_id = :bystander;
select is(gd_reap(:killed), 1, 'a worker that is known to be dead is reaped before its lease is over');
select is((select attempt from gd_status('c' || :killed)), 1, 'its claim is one attempt later');
select is((select count(*)::int from gendurable.workers where id = :killed), 0, 'it is forgotten');
select is((select count(*)::int from gendurable.workers where id = :bystander), 1,
    'with an id no other worker is reaped, dead or not');
select is(gd_reap(:killed), 0, 'reaping it twice is no error');
select is(gd_reap(-1), 0, 'reaping an unknown worker is no error');
select throws_ok(format('select gd_heartbeat(%s)', :killed), 'GD010', null,
    'a worker that was reaped has to register anew');

-- Properties.
create temp table crowd as select gd_register('crowd' || n) as worker from generate_series(1, 30) as n;
create temp table held as select c.worker, pg_temp.claim(c.worker) as id from crowd as c;
select gendurable._delete_workers(array(select worker from crowd where worker % 3 = 0)) \g /dev/null
update gendurable.workers set lease = '0' where id in (select worker from crowd where worker % 3 = 1);
update gendurable.leases set lease_until = now() - interval '1 s'
    where worker_id in (select worker from crowd where worker % 3 = 1);
select is(gd_reap(), 21, 'all dead workers are reaped at once, the forgotten among the living ones too');
select is_empty($$ select h.id from held as h,
    lateral gd_status(h.id) as s where s.status <> case when h.worker % 3 = 2 then 'executing' else 'runnable' end $$,
    'exactly the claims of dead workers are released');

select * from finish();
rollback;
