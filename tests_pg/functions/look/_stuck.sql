-- gendurable._stuck: the runnable instances that cannot start now, found without reading the others.
begin;
set local client_min_messages = error;
select plan(5);
select test.up_for_ever();

select is_empty('select * from gendurable._stuck()', 'nothing live, nothing stuck');

select gd_set_rate_limit('wide', 1, '1 s', 5), gd_set_rate_limit('narrow', 1, '1 s', 0.5),
    gd_register('me', '{fine,paused}'), gd_pause('paused') \g /dev/null
select gd_set_concurrency_limit('wide', 1000000), gd_set_concurrency_limit('closed', 0) \g /dev/null
-- Every phase × queue × rate limit × weight × key × time: what an instance can be, and more.
insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm,
    queue, rate_limit, weight, concurrency_key, worker_id)
select now(), case when t.at = 'infinity' then 'infinity' else now() + t.at::interval end, now(), p.phase, 's', '{}', 0,
    1, 'm', q.queue, r.rate, w.weight, k.key,
       case when p.phase = 'executing' then 1 end
from unnest(enum_range(null::gendurable.phase)) as p (phase)
cross join unnest('{fine,paused,nobody}'::text[]) as q (queue)
cross join unnest(array[null, 'wide', 'wide:1', 'narrow:1', 'unknown', 'unknown:1']) as r (rate)
cross join unnest('{null,0,0.4,2,9}'::float8[]) as w (weight)
cross join unnest(array[null, 'wide', 'taken', 'closed']) as k (key)
cross join unnest('{-1 hour,0,1 hour,infinity}'::text[]) as t (at)
where (p.phase <> 'held' or k.key is not null) and (p.phase <> 'throttled' or r.rate is not null);

create temp view oracle as
select i.id, i.fsm, i.queue, i.step, g.reason,
       case g.reason when 'concurrency_key' then i.concurrency_key
                     when 'unknown_rate_limit' then i.rate_limit
                     when 'weight_above_burst' then format('%s: weight %s, burst %s', i.rate_limit,
                         coalesce(i.weight, 1), l.burst)
                     else i.queue end as detail,
       i.eligible_at as since
from gendurable.instances as i
left join gendurable.rate_limits as l on l.name = split_part(i.rate_limit, ':', 1)
cross join lateral (
    select case
               when exists (select from gendurable.queues as q where q.name = i.queue and q.paused) then 'queue_paused'
               when not exists (select from gendurable.workers as w join gendurable.leases as l on l.worker_id = w.id
                   where i.queue = any (w.queues) and l.lease_until >= now()) then 'no_worker'
               when i.rate_limit is not null and l.name is null then 'unknown_rate_limit'
               when i.rate_limit is not null and coalesce(i.weight, 1) > l.burst then 'weight_above_burst'
               when i.phase = 'held' and (select count(*) from gendurable.instances as e
                   where e.concurrency_key = i.concurrency_key and e.phase = 'executing')
                                         >= coalesce((select x.max_executing from gendurable.concurrency_limits as x
                                             where x.name = split_part(i.concurrency_key, ':', 1)), 1)
                   then 'concurrency_key'
           end as reason
) as g
where i.phase in ('ready', 'scheduled', 'held', 'throttled') and i.eligible_at <= now() and g.reason is not null;

select results_eq('select * from gd_stuck', 'select * from oracle order by since, id',
    'every combination, as judging everything says: oldest first, each once');
select results_eq('select reason from gd_stuck group by reason order by reason', $$
    values ('concurrency_key'), ('no_worker'), ('queue_paused'), ('unknown_rate_limit'), ('weight_above_burst') $$,
    '… all reasons among them');

-- The limits of what is looked at.
delete from gendurable.instances;
insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm,
    queue, rate_limit)
select now(), now(), now(), 'scheduled', 's', '{}', 0, 1, 'm', v.queue,
    'unknown' from (values ('fine', 1500), ('paused', 1500)) as v (queue, n) cross join lateral generate_series(1, v.n);
select is((select string_agg(s.queue || ' ' || s.n, ', ' order by s.queue)
    from (select queue, count(*) as n from gd_stuck group by queue) as s), 'fine 1000, paused 1500',
    'of what is due and waits for the next pick of a queue that is served, the first thousand');
delete from gendurable.instances;
insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm,
    queue, rate_limit)
select now(), now(), now(), 'throttled', 's', '{}', 0, 1, 'm', 'fine', format('unknown:%s', 100000 + n)
    from generate_series(1, 10001) as n;
select is((select count(*) from gd_stuck), 10000::bigint,
    'of the rate keys for which an instance waits, the first ten thousand');

select * from finish();
rollback;
