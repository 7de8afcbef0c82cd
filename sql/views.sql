-- Views for people and exporters. Each reads the tables as they are; none is used by the engine.

create view public.gd_instances as
select i.id, gendurable._status(i.phase) as status, i.fsm, i.fsm_version, i.step, i.queue, i.priority, i.attempt, i.correlation_key,
       i.concurrency_key, i.rate_limit, i.parent_id, i.worker_id, i.state, null::jsonb as result, i.last_error as error, i.awaits,
       case when i.phase = 'awaiting_signal' then nullif(i.eligible_at, 'infinity') end as await_deadline, i.children_pending, i.enqueued_at,
       case when i.phase <> 'awaiting_signal' then i.eligible_at end as eligible_at, i.updated_at, null::timestamptz as finished_at
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
           count(*) filter (where i.phase = 'scheduled' and i.eligible_at > now()) as scheduled,
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
), named as (
    select split_part(k.key, ':', 1) as name, count(*) as keys, sum(k.in_use) as in_use, sum(k.waiting) as waiting
    from keys as k
    group by split_part(k.key, ':', 1)
)
select 'concurrency' as kind, coalesce(n.name, l.name) as name, null::float8 as allowed, null::interval as period, null::float8 as burst,
       coalesce(l.max_executing, 1) as max_executing, coalesce(n.keys, 0) as keys, coalesce(n.in_use, 0)::float8 as in_use,
       coalesce(n.waiting, 0)::bigint as waiting
from named as n
full join gendurable.concurrency_limits as l on l.name = n.name;
comment on view public.gd_limits is 'Every limit that is set or in use: how many keys it has, what is in use of it and how many wait.';

create view public.gd_stuck as
select i.id, i.fsm, i.queue, i.step, r.reason, r.detail, i.eligible_at as since
from gendurable.instances as i
cross join lateral (
    select case
               when exists (select from gendurable.queues as q where q.name = i.queue and q.paused) then 'queue_paused'
               when not exists (select from gendurable.workers as w where i.queue = any (w.queues) and w.lease_until >= now()) then 'no_worker'
               when i.phase = 'held' then 'concurrency_key'
           end as reason,
           case when i.phase = 'held' then i.concurrency_key else i.queue end as detail
) as r
where i.phase in ('ready', 'scheduled', 'held') and i.eligible_at <= now() and r.reason is not null
order by i.eligible_at, i.id;
comment on view public.gd_stuck is 'Every runnable instance that cannot start now, and why; oldest first.';
