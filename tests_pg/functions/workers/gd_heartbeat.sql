-- gd_heartbeat: renews the lease and compares what the worker believes to hold with what the database says.
begin;
select plan(35);

select gd_register('me', lease => '60 s') as me \gset
select gd_register('other') as other \gset
-- In a queue of its own, so that it is this one that is picked.
create function pg_temp.claim(p_worker bigint) returns bigint language plpgsql as $$
declare
    v_id bigint := (select e.id from gd_enqueue('m') as e);
begin
    update gendurable.instances set queue = 'q' || v_id where id = v_id;
    perform gd_pick(p_worker, 'q' || v_id, 1);
    return v_id;
end
$$;
create function pg_temp.lost(p_worker bigint, p_claims bigint[]) returns text language sql as $$
    select coalesce(array_agg(h.lost order by h.lost), '{}')::text from gd_heartbeat(p_worker, p_claims) as h
$$;

-- The lease.
update gendurable.leases set lease_until = now() - interval '1 hour' where worker_id = :me;
select is_empty(format('select gd_heartbeat(%s)', :me), 'a heartbeat without claims answers nothing');
select is((select lease_until - heartbeat_at from gendurable.leases where worker_id = :me), '60 s'::interval,
    'a heartbeat renews the lease for its whole length');
select ok((select heartbeat_at > now() from gendurable.leases where worker_id = :me),
    'the lease counts from the real time');
select ok((select alive from gd_workers where id = :me), 'a worker past its lease that was not reaped is still itself');
select is((select heartbeat_at from gendurable.leases where worker_id = :other), null,
    'no other worker''s lease is renewed');

-- What is lost.
select pg_temp.claim(:me) as a, pg_temp.claim(:me) as b, pg_temp.claim(:other) as c \gset
select is(pg_temp.lost(:me, array[:a, :b]::bigint[]), '{}', 'nothing is lost of what it holds');
select is(pg_temp.lost(:me, array[:a, :c, :b, -1]::bigint[]), format('{-1,%s}', :c),
    'what is another worker''s or unknown is lost');
select is(pg_temp.lost(:me, array[:a, null, :b]::bigint[]), '{}', 'a null is no claim');
select gd_release(:me, array[:b]::bigint[]) as r \gset
select is(pg_temp.lost(:me, array[:a, :b]::bigint[]), format('{%s}', :b), 'what has been released is lost');
select is((select status from gd_status(:c)), 'executing', 'naming another worker''s claim does not touch it');

-- What is missing from the list.
select gd_register('fresh') as fresh \gset
select pg_temp.claim(:fresh) as f \gset
select test.fence(:f) as fence \gset
select is(pg_temp.lost(:fresh, '{}'), '{}', 'the first heartbeat');
select is((select status from gd_status(:f)), 'executing',
    'before the first heartbeat nothing is given back: a pick may be in flight');
select results_eq(format('select attempt, last_error from gendurable.instances where id = %s', :f),
    'values (0, null::jsonb)', 'what is not given back is not touched');
select is(pg_temp.lost(:fresh, array[:f]::bigint[]), '{}', 'what is listed stays');
select is((select status from gd_status(:f)), 'executing', 'a listed claim is not given back');
select pg_temp.claim(:fresh) as young \gset
select is(pg_temp.lost(:fresh, '{}'), '{}', 'a heartbeat that lists nothing');
select results_eq(format(
    'select phase::text, worker_id, claimed_at, attempt, last_error ->> %L, fence from gendurable.instances where id = '
    '%s', 'kind', :f),
    format('values (%L, null::bigint, null::timestamptz, 1, %L, %s::bigint)', 'ready', 'lost', :fence),
    'a claim of before the previous heartbeat that is not listed is runnable again, one attempt later');
select is((select status from gd_status(:young)), 'executing',
    'a claim of after the previous heartbeat is not given back: its answer may be in flight');
select is(pg_temp.lost(:fresh, '{}'), '{}', 'the next heartbeat');
select is((select status from gd_status(:young)), 'runnable',
    'an answer that has not arrived a whole heartbeat later is lost');

select gd_register('counting') as counting \gset
select pg_temp.claim(:counting) as g \gset
select is(pg_temp.lost(:counting, null), '{}', 'a heartbeat without claims');
select is((select status from gd_status(:g)), 'executing', 'a heartbeat without claims gives nothing back');
select is(pg_temp.lost(:counting, '{}'), '{}', 'a heartbeat that lists nothing');
select is((select status from gd_status(:g)), 'runnable', 'a heartbeat without claims counts as the previous one');

select gd_register('continuing') as continuing \gset
select pg_temp.claim(:continuing) as h \gset
select is(pg_temp.lost(:continuing, array[:h]::bigint[]), '{}', 'a heartbeat');
select is((select result from gd_commit(:continuing,
    jsonb_build_array(jsonb_build_object('id', :h, 'fence', test.fence(:h), 'kind', 'next', 'step', 'x', 'continue',
        true)))), 'continued',
    'the answer to a continue is lost');
select is(pg_temp.lost(:continuing, '{}'), '{}', 'a heartbeat without the claim');
select is((select status from gd_status(:h)), 'runnable',
    'a continue does not renew the time of the claim: its lost answer strands nothing');
select is((select step from gd_status(:h)), 'x', 'what the continue committed stays committed');
select pg_temp.claim(:other) as theirs \gset
select is(pg_temp.lost(:other, array[:c, :theirs]::bigint[]), '{}', 'another worker''s heartbeat');
select is(pg_temp.lost(:continuing, '{}'), '{}', 'a heartbeat that lists nothing');
select is((select status from gd_status(:theirs)), 'executing', 'a heartbeat gives back nothing of another worker');

-- Errors.
select throws_ok($$ select gd_heartbeat(-1) $$, 'GD010', 'gendurable: unknown worker',
    'a worker that is gone is told to register anew');
select throws_ok($$ select gd_heartbeat(null) $$, 'GD010', null, 'no worker is an unknown worker');
select gd_reap(:fresh) as r \gset
select throws_ok(format('select gd_heartbeat(%s, %L)', :fresh, '{}'), 'GD010', null,
    'a worker that was reaped is gone');

select * from finish();
rollback;
