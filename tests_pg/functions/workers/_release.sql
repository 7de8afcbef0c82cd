-- Release of claims; what each caller makes of it is tested with gd_release, gd_unregister, gd_reap and gd_heartbeat.
begin;
select plan(15);

select gd_register('a') as a, gd_register('b') as b \gset
insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, claimed_at, worker_id, phase, fence,
    attempt, last_error, step, state, priority, fsm_version, fsm, queue)
select 1000 + n, now(), case when n % 3 = 0 then now() + interval '1 hour' else now() end, now(), now(),
    case when n <= 3 then :a else :b end, 'executing', 5, 2, '"old"', 's', '{}', 0, 1,
       'm', 'q' from generate_series(1, 6) as n;
create function pg_temp.rows() returns text language sql as $$
    select string_agg(format('%s:%s:%s:%s', i.id - 1000, i.phase, i.attempt,
        case when i.last_error ? 'at' then i.last_error - 'at' else i.last_error end #>> '{}'), ' ' order by i.id)
        from gendurable.instances as i
$$;
select is(gendurable._release(array[:a]::bigint[], array[1001, 1004, 1001, 7]), 1,
    'only the claims of these workers, each once');
select is(pg_temp.rows(),
    '1:ready:2:old 2:executing:2:old 3:executing:2:old 4:executing:2:old 5:executing:2:old 6:executing:2:old',
    'without an error nothing but the claim changes');
select is(gendurable._release(array[:a]::bigint[], array[1002], 'gone'), 1, 'with a reason');
select is(pg_temp.rows(),
    '1:ready:2:old 2:ready:3:{"held": 2, "kind": "lost", "reason": "gone", "excused": 1} 3:executing:2:old '
    '4:executing:2:old 5:executing:2:old 6:executing:2:old',
    'with a reason the execution is lost: one attempt later, and the error says how many claims the worker held');
update gendurable.instances set last_error = '"lost"' where id = 1002;
select is(gendurable._release(array[:a, :b]::bigint[], null, null, now() + interval '1 minute'), 4,
    'without ids everything of the workers');
select is(pg_temp.rows(),
    '1:ready:2:old 2:ready:3:lost 3:scheduled:2:old 4:scheduled:2:old 5:scheduled:2:old 6:scheduled:2:old',
    'with a moment they rest until then');
select is((select count(distinct eligible_at)::int from gendurable.instances where id > 1002), 1,
    'the moment is the same for all');
update gendurable.instances set worker_id = :a, claimed_at = now(), phase = 'executing',
    eligible_at = now() + interval '1 hour' where id = 1003;
select is(gendurable._release(array[:a]::bigint[]), 1, 'a claim whose time is still to come');
select is((select phase::text || ' ' || (eligible_at - now())::text from gendurable.instances where id = 1003),
    'scheduled 01:00:00', 'eligible_at stays, and is waited for');
update gendurable.instances set worker_id = :a, phase = 'executing', claimed_at = now() - (1006 - id) * interval '1 s'
    where id in (1004, 1005, 1006);
select is(gendurable._release(array[:a]::bigint[], array[1004, 1005, 1006], null, null, now() - interval '1 s'), 1,
    'with a time only claims that were picked before it');
select is((select worker_id from gendurable.instances where id = 1004), null, 'that one is released');
update gendurable.instances set worker_id = case when id < 1004 then :a else :b end, claimed_at = now(),
    phase = 'executing', last_error = null where id between 1001 and 1004;
select is(gendurable._release(array[:a, :b]::bigint[], p_lost => 'gone'), 6, 'two workers at once');
select is((select string_agg(i.last_error ->> 'held', ' ' order by i.id) from gendurable.instances as i), '5 5 5 1 5 5',
    'each is told what its own worker held');
select is(gendurable._release('{}'), 0, 'no worker holds nothing');
select is(gendurable._release(array[0]::bigint[], array[1001]), 0, 'what no worker holds is not released');

select * from finish();
rollback;
