-- What has become due in a queue; gd_pick and gd_expire_awaits test what comes of it.
begin;
select plan(8);

insert into gendurable.instances (id, lane, enqueued_at, eligible_at, updated_at, phase, awaits, step, state, priority,
    fsm_version, fsm, queue)
select 1000 + v.n, v.n::bigint << 40, now(), now() + v.at::interval, now() - interval '1 day',
    v.phase::gendurable.phase, '{x}', 's', '{}', 0, 1, 'm', v.queue
from (values (1, 'scheduled', '-3 s', 'q'), (2, 'awaiting_signal', '-2 s', 'q'), (3, 'scheduled', '-1 s', 'q'),
    (4, 'awaiting_signal', '-4 s', 'other'),
             (5, 'scheduled', '1 s', 'q'), (6, 'awaiting_signal', '1 s', 'q'), (7, 'executing', '-9 s', 'q'),
             (8, 'held', '-9 s', 'q'),
             (9, 'awaiting_children', '-9 s', 'q')) as v (n, phase, at, queue);
create function pg_temp.rows() returns text language sql as $$
    select string_agg(format('%s%s%s', i.id - 1000, case when i.phase = 'ready' then '!' else '' end,
                             case when i.updated_at > now() - interval '1 day' then '*' else '' end), ' ' order by i.id)
                                 from gendurable.instances as i
$$;
select is(gendurable._wake_due('q')::text, '(3,1,"{1,2,3}",f)',
    'what is moved is counted, and how many of it were parks; its kinds are told');
select is(pg_temp.rows(), '1! 2!* 3! 4 5 6 7 8 9',
    'what is due in the queue is ready, nothing else; waking a park is an update, a schedule keeps its own time');
select results_eq('select id, eligible_at - now() from gendurable.instances where id in (1001, 1002, 1003) order by id',
    $$ values (1001::bigint, interval '-3 s'), (1002, '0'), (1003, '-1 s') $$,
    'a schedule keeps its place, a park takes its place now');
select is(gendurable._wake_due('q')::text, '(0,0,,f)', 'again there is nothing');
select is(gendurable._wake_due('other')::text, '(1,1,{4},f)', 'another queue has its own');
select is(gendurable._wake_due(null)::text, '(0,0,,f)', 'no queue has none');

insert into gendurable.instances (id, lane, enqueued_at, eligible_at, updated_at, phase, step, state, priority,
    fsm_version, fsm, queue)
select 2000 + n, 9::bigint << 40, now(), now() - n * interval '1 s', now(), 'scheduled', 's', '{}', 0, 1, 'm',
    'flood' from generate_series(1, 1500) as n;
select is(gendurable._wake_due('flood')::text, '(1000,0,{9},t)',
    'a flood is moved a thousand at a time, and more may be left');
select is((select min(i.eligible_at) > now() - interval '501 s' from gendurable.instances as i
    where i.queue = 'flood' and i.phase = 'scheduled'), true,
    'the earliest first');

select * from finish();
rollback;
