-- Deadlines are woken in slices; that they are, and of which instances, is tested with gd_expire_awaits.
begin;
select plan(4);

insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm,
    queue, awaits)
select now(), now() - interval '1 s', now(), 'awaiting_signal', 's', '{}', 0, 1, 'm', 'q' || n % 2,
    '{x}' from generate_series(1, 3000) as n;
select is((select concat_ws(' ', e.woken, e.more) from gendurable._expire_awaits('-infinity') as e), '2000 t',
    'however little time there is, some of each queue are woken, and it says that some are left');
select is((select concat_ws(' ', e.woken, e.more) from gendurable._expire_awaits('infinity') as e), '1000 f',
    'with time all of them');
select is((select concat_ws(' ', e.woken, e.more) from gendurable._expire_awaits('-infinity') as e), '0 f',
    'none is left');
select is((select count(*)::int from gendurable.instances as i where i.phase = 'ready'), 3000, 'all are awake');

select * from finish();
rollback;
