-- gd_unregister: a worker leaves, and gives back what it holds.
begin;
select plan(11);

select gd_register('me') as me, gd_register('me') as twin \gset
create function pg_temp.claim(p_worker bigint) returns bigint language plpgsql as $$
declare
    v_id bigint := (select e.id from gd_enqueue('m', queue => 'leave', eligible_at => now() - interval '1 hour') as e);
begin
    perform gd_pick(p_worker, 'leave', 1);
    return v_id;
end
$$;
select pg_temp.claim(:me) as a, pg_temp.claim(:me) as b, pg_temp.claim(:twin) as c \gset
select test.fence(:a) as fence \gset
select is(gd_unregister(:me), 2, 'it answers how many claims it gave back');
select results_eq(format(
    'select phase::text, attempt, worker_id, claimed_at, eligible_at, last_error from gendurable.instances where id in '
    '(%s, %s)', :a, :b),
    $$ select 'ready', 0, null::bigint, null::timestamptz, now() - interval '1 hour',
        null::jsonb from generate_series(1, 2) $$,
    'everything it held is runnable again: attempt and place stay');
select is(test.fence(:a), :fence, 'and the fence');
select is((select count(*)::int from gendurable.workers where id = :me), 0, 'the worker is forgotten');
select results_eq(format('select phase::text, worker_id from gendurable.instances where id = %s', :c),
    format('values (%L, %s::bigint)', 'executing', :twin), 'no other worker''s claims are touched');
select is((select count(*)::int from gendurable.workers where id = :twin), 1, 'no other worker is forgotten');
select throws_ok(format('select gd_pick(%s, %L, 1)', :me, 'leave'), 'GD010', null,
    'a worker that left has to register anew');
select is((select result from gd_commit(:me,
    jsonb_build_array(jsonb_build_object('id', :a, 'fence', :fence, 'kind', 'done')))), 'stale',
    'an outcome of a worker that left is stale');
select is(gd_unregister(:me), 0, 'leaving twice is no error');
select is(gd_unregister(null), 0, 'null as the worker is no error');
select is(gd_unregister(gd_register('idle')), 0, 'a worker that holds nothing may leave');

select * from finish();
rollback;
