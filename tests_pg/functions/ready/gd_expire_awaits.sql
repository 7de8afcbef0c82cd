-- gd_expire_awaits: wakes parks past their deadline, in every queue.
begin;
select plan(17);

-- A park as `await` leaves it.
create function pg_temp.parked(p_queue text, p_deadline timestamptz) returns bigint language plpgsql as $$
declare
    v_id bigint := (select e.id from gd_enqueue('m', queue => p_queue) as e);
begin
    update gendurable.instances set phase = 'awaiting_signal', eligible_at = p_deadline, awaits = '{x}', fence = 2,
        updated_at = now() - interval '1 day' where id = v_id;
    return v_id;
end
$$;
create function pg_temp.row(p_id bigint) returns text language sql as $$
    select format('%s attempt=%s fence=%s awaits=%s eligible=%s', i.phase, i.attempt, i.fence, i.awaits,
        i.eligible_at - now()) from gendurable.instances as i where i.id = p_id
$$;

select is(gd_expire_awaits(), 0, 'nothing parked, nothing woken');
select pg_temp.parked('a', now() - interval '1 hour') as a1, pg_temp.parked('a', now()) as a2,
    pg_temp.parked('b', now() - interval '1 s') as b,
       pg_temp.parked('a', now() + interval '1 s') as later, pg_temp.parked('c', 'infinity') as never \gset
select id as scheduled from gd_enqueue('m', queue => 'a', delay => '1 hour') \gset
update gendurable.instances set eligible_at = now() - interval '1 s' where id = :scheduled;
select is(gd_expire_awaits(), 3, 'it answers how many parks it woke, in all queues');
select is(pg_temp.row(:a1), 'ready attempt=0 fence=2 awaits={x} eligible=00:00:00',
    'a park past its deadline is runnable now, attempt untouched, for the names it awaited');
select is(pg_temp.row(:a2), 'ready attempt=0 fence=2 awaits={x} eligible=00:00:00',
    'the deadline is over at the moment itself');
select is(pg_temp.row(:b), 'ready attempt=0 fence=2 awaits={x} eligible=00:00:00', 'every queue is looked at');
select ok((select updated_at >= now() from gd_status(:a1)), 'waking is an update');
select is(pg_temp.row(:later), 'awaiting_signal attempt=0 fence=2 awaits={x} eligible=00:00:01',
    'a park before its deadline stays');
select is((select status from gd_status(:never)), 'awaiting_signal', 'a park without a deadline stays');
select is((select eligible_at from gendurable.instances where id = :scheduled), now() - interval '1 s',
    'what is scheduled keeps its time');
select is(gd_expire_awaits(), 0, 'waking again finds nothing');

select count(pg_temp.parked('flood', now() - interval '1 hour')) as made from generate_series(1, 1001) \gset
select is(gd_expire_awaits(), 1001, 'every park past its deadline is woken by one call');
select is((select count(*)::int from gendurable.instances where queue = 'flood' and phase = 'ready'), 1001,
    'a flood is runnable');

-- Behind a flood of schedules.
insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue)
select nextval('gendurable.instances_id_seq'), now(), now() - interval '2 hours', now(), 'scheduled', 's', '{}', 0, 1,
    'm', 'crowd' from generate_series(1, 1001);
select pg_temp.parked('crowd', now() - interval '1 hour') as last \gset
select is(gd_expire_awaits(), 1, 'what is scheduled is not counted, and keeps no park from being woken');
select is((select phase::text from gendurable.instances where id = :last), 'ready',
    'a park behind a thousand schedules is woken');

-- A greater flood, and a queue behind it.
insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue)
select nextval('gendurable.instances_id_seq'), now(), now() - interval '1 hour', now(), 'scheduled', 's', '{}', 0, 1,
    'm', 'mob' from generate_series(1, 11500);
select pg_temp.parked('queue behind', now()) \g /dev/null
select is(gd_expire_awaits(), 1, 'a flood in one queue keeps no park of another one from being woken');
select is((select count(*)::int from gendurable.instances where queue = 'mob' and phase = 'scheduled'), 1500,
    'ten thousand are moved in one call');
select gd_expire_awaits() \g /dev/null
select is((select count(*)::int from gendurable.instances where queue = 'mob' and phase = 'scheduled'), 0,
    'the next one moves the rest');

select * from finish();
rollback;
