-- Views for people and exporters. Each reads the tables as they are; none is used by the engine.

create view public.gd_instances as
select i.id, gendurable._status(i.phase) as status, i.fsm, i.fsm_version, i.step, i.queue, i.priority, i.attempt, i.correlation_key,
       i.concurrency_key, i.rate_limit, i.parent_id, i.worker_id, i.state, null::jsonb as result, i.last_error as error,
       case when i.phase = 'awaiting_signal' then i.awaits end as awaits,
       case when i.phase = 'awaiting_signal' then nullif(i.eligible_at, 'infinity') end as await_deadline, i.children_pending, i.enqueued_at,
       case when i.phase not in ('awaiting_signal', 'awaiting_children') then i.eligible_at end as eligible_at, i.updated_at, null::timestamptz as finished_at
from gendurable.instances as i
union all
select f.id, case when f.failed then 'failed' else 'done' end, f.fsm, f.fsm_version, f.step, f.queue, f.priority, f.attempt,
       f.correlation_key, f.concurrency_key, f.rate_limit, f.parent_id, null, f.state, f.result, f.error, null,
       null, null, f.enqueued_at, null, f.finished_at, f.finished_at
from gendurable.finished as f;
comment on view public.gd_instances is 'Every instance, live and finished.';

create view public.gd_queues as
with live as (
    select i.queue,
           count(*) filter (where i.phase = 'ready' or i.phase = 'scheduled' and i.eligible_at <= now()) as ready,
           count(*) filter (where i.phase = 'scheduled' and i.eligible_at > now() or i.phase = 'throttled') as scheduled,
           count(*) filter (where i.phase = 'held') as held,
           count(*) filter (where i.phase = 'executing') as executing,
           count(*) filter (where i.phase in ('awaiting_signal', 'awaiting_children')) as awaiting,
           min(i.eligible_at) filter (where i.phase = 'ready' or i.phase = 'scheduled' and i.eligible_at <= now()) as oldest
    from gendurable.instances as i
    group by i.queue
), served as (
    select q.queue, count(*) as workers
    from gendurable.workers as w cross join lateral unnest(w.queues) as q (queue)
    where w.lease_until >= now()
    group by q.queue
), known as (
    select l.queue from live as l
    union select s.queue from served as s
    union select q.name from gendurable.queues as q
)
select k.queue, coalesce(q.paused, false) as paused,
       coalesce(l.ready, 0) as ready, coalesce(l.scheduled, 0) as scheduled, coalesce(l.held, 0) as held,
       coalesce(l.executing, 0) as executing, coalesce(l.awaiting, 0) as awaiting,
       coalesce(l.ready + l.scheduled + l.held, 0) as depth,
       now() - l.oldest as oldest_ready_age, public.gd_next_due(k.queue) as next_due, coalesce(s.workers, 0) as workers
from known as k
left join live as l on l.queue = k.queue
left join served as s on s.queue = k.queue
left join gendurable.queues as q on q.name = k.queue;
comment on view public.gd_queues is 'Every queue that has instances, workers or a pause, with its depth.';

create view public.gd_workers as
select w.id, w.name, w.queues,
       (select count(*) from gendurable.instances as i where i.worker_id = w.id) as executing,
       w.registered_at, w.lease_until, w.lease_until >= now() as alive, w.info
from gendurable.workers as w;
comment on view public.gd_workers is 'Registered workers; alive as long as their lease runs.';

create view public.gd_limits as
with keys as (
    select i.concurrency_key as key,
           count(*) filter (where i.phase = 'executing') as in_use, count(*) filter (where i.phase <> 'executing') as waiting
    from gendurable.instances as i
    where i.concurrency_key is not null and i.phase in ('ready', 'held', 'executing')
    group by i.concurrency_key
), concurrency as (
    select split_part(k.key, ':', 1) as name, count(*) as keys, sum(k.in_use) as in_use, sum(k.waiting) as waiting
    from keys as k
    group by split_part(k.key, ':', 1)
), drawn as (
    select l.name, count(*) as keys, sum(l.burst - gendurable._tokens(b.tokens, b.refilled_at, l.allowed, l.period, l.burst, now())) as in_use
    from gendurable.buckets as b
    join gendurable.rate_limits as l on l.name = split_part(b.key, ':', 1)
    group by l.name
), waiting as (
    select split_part(i.rate_limit, ':', 1) as name, count(*) as waiting
    from gendurable.instances as i
    where i.rate_limit is not null and i.phase in ('ready', 'throttled')
    group by split_part(i.rate_limit, ':', 1)
)
select 'concurrency' as kind, coalesce(c.name, l.name) as name, null::float8 as allowed, null::interval as period, null::float8 as burst,
       coalesce(l.max_executing, 1) as max_executing, coalesce(c.keys, 0) as keys, coalesce(c.in_use, 0)::float8 as in_use,
       coalesce(c.waiting, 0)::bigint as waiting
from concurrency as c
full join gendurable.concurrency_limits as l on l.name = c.name
union all
select 'rate', coalesce(l.name, w.name), l.allowed, l.period, l.burst, null, coalesce(d.keys, 0), coalesce(d.in_use, 0), coalesce(w.waiting, 0)
from gendurable.rate_limits as l
full join waiting as w on w.name = l.name
left join drawn as d on d.name = l.name;
comment on view public.gd_limits is
    'Every limit that is set or in use: its policy, how many keys it has, how many executions or tokens are in use, how many instances wait.';

create view public.gd_stuck as
select i.id, i.fsm, i.queue, i.step, r.reason, r.detail, i.eligible_at as since
from gendurable.instances as i
left join gendurable.rate_limits as l on l.name = split_part(i.rate_limit, ':', 1)
cross join lateral (
    select case
               when exists (select from gendurable.queues as q where q.name = i.queue and q.paused) then 'queue_paused'
               when not exists (select from gendurable.workers as w where i.queue = any (w.queues) and w.lease_until >= now()) then 'no_worker'
               when i.rate_limit is not null and l.name is null then 'unknown_rate_limit'
               when i.rate_limit is not null and coalesce(i.weight, 1) > l.burst then 'weight_above_burst'
               when i.phase = 'held' and not exists (select from gendurable.handovers as h where h.key = i.concurrency_key) then 'concurrency_key'
           end as reason
) as g
cross join lateral (
    select g.reason, case g.reason when 'concurrency_key' then i.concurrency_key
                                   when 'unknown_rate_limit' then i.rate_limit
                                   when 'weight_above_burst' then format('%s: weight %s, burst %s', i.rate_limit, coalesce(i.weight, 1), l.burst)
                                   else i.queue end as detail
) as r
where i.phase in ('ready', 'scheduled', 'held', 'throttled') and i.eligible_at <= now() and r.reason is not null
order by i.eligible_at, i.id;
comment on view public.gd_stuck is 'Every runnable instance that cannot start now, and why; oldest first.';
