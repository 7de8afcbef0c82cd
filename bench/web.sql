-- A world for bench/web.py: :live instances, :finished finished ones, in the proportions of a busy shop.
\set ON_ERROR_STOP on
set client_min_messages = warning;
set synchronous_commit = off;
select gd_maintain();
select gd_register('w-' || n, '{default,mail,import}', '6 hours', '{"host": "bench"}') from generate_series(1, 10) as n;
select gd_set_rate_limit('mail', 10, '1 second'), gd_set_concurrency_limit('customer', 2),
    gd_set_queue_limit('import', 100);
select gd_schedule('nightly-' || n, '0 3 * * *', 'Checkout', '{}') from generate_series(1, 20) as n;

insert into gendurable.kinds (queue, fsm, fsm_version, step)
values ('default', 'Checkout', 1, 'start'), ('mail', 'Mail', 1, 'start'), ('import', 'Import', 1, 'start'),
    ('default', 'Invoice', 1, 'start');

-- Parts of a thousand; what is left of it awaits a signal.
create temporary table parts (phase gendurable.phase, per_mille int);
insert into parts values ('ready', 250), ('scheduled', 250), ('held', 40), ('throttled', 40), ('executing', 1),
    ('awaiting_children', 20),
                         ('awaiting_signal', 399);
insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm,
    queue, lane, concurrency_key, rate_limit,
                                  worker_id, claimed_at, fence, parent_id, correlation_key, awaits, round, joined)
select now() - g * interval '20 ms',
       case p.phase when 'scheduled' then now() + g * interval '1 s' when 'awaiting_signal' then 'infinity'
           else now() - g * interval '10 ms' end,
       now() - g * interval '10 ms', p.phase, 'start',
       jsonb_build_object('order', g, 'customer', g % 5000, 'items', jsonb_build_array(g % 7, g % 11)),
       0, 1, k.fsm, k.queue, case p.phase when 'ready' then k.id::bigint << 40 else 0 end,
       -- Each key has as many that execute as it may, so that all that are held are stuck.
       case when p.phase in ('held', 'executing') then 'customer:' || g % 500 end,
           case p.phase when 'throttled' then 'mail' end,
       case p.phase when 'executing' then 1 + g % 10 end, case p.phase when 'executing' then now() end, 3, null,
           p.phase || ':' || g,
       case p.phase when 'awaiting_signal' then '{paid}'::text[] end,
           case p.phase when 'awaiting_children' then 1 else 0 end, false
from parts as p
cross join lateral generate_series(1, :live * p.per_mille / 1000) as g
join gendurable.kinds as k on k.id = 1 + g % 4;

insert into gendurable.finished (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm, step,
    queue, state, result, error, correlation_key)
select nextval('gendurable.instances_id_seq'), now() - (g + 60) * interval '30 ms', now() - g * interval '20 ms', 5, 0,
    0, 1, g % 100 = 0,
       (array['Checkout', 'Mail', 'Import', 'Invoice'])[1 + g % 4], 'ship',
       (array['default', 'mail', 'import'])[1 + g % 3],
       jsonb_build_object('order', g, 'customer', g % 5000),
       case when g % 100 > 0 then '{"status": "shipped"}'::jsonb end,
       case when g % 100 = 0 then jsonb_build_object('type', 'ValueError', 'message', 'no stock of ' || g % 13,
           'traceback', 'Traceback (most recent call last): …') end,
       'order:' || g
from generate_series(1, :finished) as g;

insert into gendurable.throughput (minute, count, seconds, slowest, compacted, queue, fsm, step, kind)
select date_trunc('minute', now()) - m * interval '1 minute', 100 + m % 17, (100 + m % 17) * 0.02, 0.4, true, k.queue,
    k.fsm, s, o
from generate_series(0, 1439) as m cross join gendurable.kinds as k
cross join unnest('{start,decide,ship}'::text[]) as s cross join unnest('{next,done,retry,stop}'::text[]) as o;

insert into gendurable.history (instance_id, at, started_at, fence, attempt, event, step, worker, detail)
select i.id, i.enqueued_at + n * interval '1 minute', i.enqueued_at + n * interval '1 minute' - interval '20 s', n, 0,
       case when n % 3 = 0 then 'await' else 'next' end, 'step' || n % 4, 'w-1', '{"to": "ship"}'
from (select i.id, i.enqueued_at from gendurable.instances as i order by i.id limit 20000) as i cross
    join generate_series(1, 6) as n;
analyze;
