-- gd_release: claims are given back, as if they had not been picked.
begin;
select plan(26);

select gd_register('me') as me, gd_register('other') as other \gset
create function pg_temp.claim(p_worker bigint, p_eligible_at timestamptz default now()) returns bigint
    language plpgsql as $$
declare
    v_id bigint := (select e.id from gd_enqueue('m', queue => 'rel', eligible_at => p_eligible_at) as e);
begin
    perform gd_pick(p_worker, 'rel', 1);
    return v_id;
end
$$;
create function pg_temp.row(p_id bigint) returns text language sql as $$
    select format('%s attempt=%s worker=%s eligible=%s', i.phase, i.attempt, i.worker_id, i.eligible_at - now())
        from gendurable.instances as i where i.id = p_id
$$;

select pg_temp.claim(:me, now() - interval '1 hour') as a, pg_temp.claim(:me) as b, pg_temp.claim(:me) as c,
    pg_temp.claim(:other) as d \gset
select test.fence(:a) as fence \gset
update gendurable.instances set attempt = 2, last_error = '{"e": 1}', updated_at = now() - interval '1 day'
    where id = :a;
select is(gd_release(:me, array[:a, :b, :d, -1, :a]::bigint[]), 2, 'it answers how many it gave back');
select is(pg_temp.row(:a), 'ready attempt=2 worker= eligible=-01:00:00', 'attempt and the place in the order stay');
select is(test.fence(:a), :fence, 'and the fence');
select results_eq(format('select last_error, claimed_at, updated_at > now() from gendurable.instances where id = %s',
    :a), $$ values ('{"e": 1}'::jsonb, null::timestamptz, true) $$,
    'last_error stays');
select is((select status from gd_status(:c)), 'executing', 'what is not named is still held');
select is((select status from gd_status(:d)), 'executing', 'no worker gives back what another one holds');
select is(gd_release(:me, array[:a]::bigint[]), 0, 'what has been given back is not given back twice');
select is((select c.result
    from gd_commit(:me, jsonb_build_array(jsonb_build_object('id', :a, 'fence', :fence, 'kind', 'done'))) as c),
    'stale', 'after a release the claim''s outcome is stale');
select results_eq(format('select p.id, p.fence > %s from gd_pick(%s, %L, 9) as p', :fence, :other, 'rel'),
    format('values (%s::bigint, true), (%s, true)', :a, :b),
    'what was released is handed out again, under a new fence');

-- With a delay.
select pg_temp.claim(:me) as e, pg_temp.claim(:me) as f, pg_temp.claim(:me) as g \gset
select is(gd_release(:me, array[:e]::bigint[], '10 s'), 1, 'release with a delay');
select is(pg_temp.row(:e), 'scheduled attempt=0 worker= eligible=00:00:10', 'with a delay it rests that long from now');
select id as keyed from gd_enqueue('m', queue => 'slot', concurrency_key => 'slot') \gset
select gd_enqueue('m', queue => 'slot', concurrency_key => 'slot'),
    (select array_agg(p.id) from gd_pick(:me, 'slot', 2) as p) \g /dev/null
delete from gendurable.doorbells;
select gd_release(:me, array[:keyed]::bigint[], '10 s') \g /dev/null
select is((select string_agg(d.kind || ' ' || d.key, ', ') from gendurable.doorbells as d), 'slot slot',
    'the slot that it held is rung for while it rests');
select is(gd_release(:me, array[:f]::bigint[], '0'), 1, 'release with a delay of zero');
select is(pg_temp.row(:f), 'ready attempt=0 worker= eligible=00:00:00', 'a delay of zero is runnable now');
select is(gd_release(:me, array[:g]::bigint[], '-1 hour'), 1, 'release with a negative delay');
select is(pg_temp.row(:g), 'ready attempt=0 worker= eligible=00:00:00', 'a negative delay means at once');

-- Nothing to do.
select is(gd_release(:me, '{}'), 0, 'no ids, nothing released');
select is(gd_release(:me, null), 0, 'null ids are none, not all');
select is((select status from gd_status(:c)), 'executing', 'a release of nothing touches nothing');
select is(gd_release(-1, array[:c]::bigint[]), 0, 'an unknown worker holds nothing');
select is(gd_release(null, array[:c]::bigint[]), 0, 'no worker holds nothing');
select is((select c.result
    from gd_commit(:me, jsonb_build_array(jsonb_build_object('id', :c, 'fence', test.fence(:c), 'kind', 'await',
        'names', '["x"]'::jsonb))) as c), 'committed', 'park');
select is(gd_release(0, array[:c]::bigint[]), 0, 'worker 0 holds nothing');
select is((select status from gd_status(:c)), 'awaiting_signal', 'a park is no worker''s claim');

-- Errors.
select throws_ok(format('select gd_release(%s, array[%s]::bigint[], %L)', :other, :d, '1000000 years'), 'GD002',
    'gendurable: invalid argument', 'a delay beyond the end of time is refused');
select is((select status from gd_status(:d)), 'executing', 'a refused release gives nothing back');

select * from finish();
rollback;
