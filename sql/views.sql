-- Views for people and exporters; none is used by the engine. gd_queues, gd_limits and gd_stuck may
-- be looked at every second, whatever there is: they count through indexes, and only so far
-- (gendurable._depths, _usage and _stuck say how far). With `gendurable.most_counted` a session
-- says how far it wants them to count; gd_stuck then lists at most so many of each place.

-- Where the views do not count to the end they take the rest from these (gendurable._estimates);
-- ANALYZE keeps them. They stand here, not beside the table, because they call a function.
create statistics gendurable.instances_by_queue (mcv) on phase, queue from gendurable.instances;
create statistics gendurable.instances_by_key (mcv)
    on phase, (gendurable._policy(concurrency_key)) from gendurable.instances;
create statistics gendurable.instances_by_rate (mcv)
    on phase, (gendurable._policy(rate_limit)) from gendurable.instances;

create view public.gd_instances as
select i.id, gendurable._status(i.phase) as status,
       i.fsm, i.fsm_version, i.step, i.queue, i.priority, i.attempt,
       i.correlation_key, i.concurrency_key, i.rate_limit, i.parent_id, i.worker_id,
       i.state, null::jsonb as result, i.last_error as error,
       case when i.phase = 'awaiting_signal' then i.awaits end as awaits,
       case when i.phase = 'awaiting_signal'
            then nullif(i.eligible_at, 'infinity') end as await_deadline,
       case when i.phase = 'awaiting_children'
            then coalesce((select c.pending from gendurable.countdowns as c
                           where c.parent_id = i.id and c.round = i.round
                           order by c.parent_id, c.round, c.pending limit 1), 0)
            else 0 end as children_pending,
       i.enqueued_at,
       case when i.phase not in ('awaiting_signal', 'awaiting_children')
            then i.eligible_at end as eligible_at,
       i.updated_at, null::timestamptz as finished_at,
       (select r.progress from gendurable.reports as r
        where r.instance_id = i.id
        order by r.at desc limit 1) as progress
from gendurable.instances as i
union all
select f.id, case when f.failed then 'failed' else 'done' end,
       f.fsm, f.fsm_version, f.step, f.queue, f.priority, f.attempt,
       f.correlation_key, f.concurrency_key, f.rate_limit, f.parent_id, null,
       f.state, f.result, f.error,
       null, null, null, f.enqueued_at, null, f.finished_at, f.finished_at, null
from gendurable.archive as f;
comment on view public.gd_instances is 'Every instance, live and finished.';

create view public.gd_workers as
select w.id, w.name, w.queues,
       gendurable._executing(w.id) as executing,
       w.registered_at, l.lease_until, l.lease_until >= now() as alive, w.info
from gendurable.workers as w
cross join lateral (
    select greatest(gendurable._lease_until(w.id),
                    (select gendurable._up_since()) + w.lease) as lease_until
) as l;
comment on view public.gd_workers is
    'Registered workers; alive as long as their lease runs, and for one lease after the server '
    'was down.';

create view public.gd_queues as
with live as (
    select d.queue,
           coalesce(sum(d.n) filter (where d.phase = 'ready'), 0)::bigint as ready,
           greatest(coalesce(sum(d.n) filter (where d.phase in ('scheduled', 'throttled')), 0),
                    0)::bigint as scheduled,
           coalesce(sum(d.n) filter (where d.phase = 'held'), 0)::bigint as held,
           coalesce(sum(d.n) filter (where d.phase = 'executing'), 0)::bigint as executing,
           coalesce(sum(d.n) filter (where d.phase in ('awaiting_signal', 'awaiting_children')),
                    0)::bigint as awaiting,
           min(d.oldest) as oldest
    from gendurable._depths(coalesce(gendurable._most_counted(), 100000)) as d
    group by d.queue
), served as (
    select q.queue, count(distinct w.id) as workers
    from public.gd_workers as w cross join lateral unnest(w.queues) as q (queue)
    where w.alive
    group by q.queue
), known as (
    select l.queue from live as l
    union select s.queue from served as s
    union select q.name from gendurable.queues as q
)
select k.queue, coalesce(q.paused, false) as paused,
       coalesce(l.ready, 0) as ready, coalesce(l.scheduled, 0) as scheduled,
       coalesce(l.held, 0) as held, coalesce(l.executing, 0) as executing,
       coalesce(l.awaiting, 0) as awaiting,
       coalesce(l.ready + l.scheduled + l.held, 0) as depth,
       -- An instance may be eligible since -infinity, which is no age.
       now() - case when l.oldest < 'epoch' then 'epoch' else l.oldest end as oldest_ready_age,
       public.gd_next_due(k.queue) as next_due, coalesce(s.workers, 0) as workers,
       q.max_executing
from known as k
left join live as l on l.queue = k.queue
left join served as s on s.queue = k.queue
left join gendurable.queues as q on q.name = k.queue;
comment on view public.gd_queues is
    'Every queue that has instances, workers, a pause or a limit, with its depth. Exact up to '
    '100,000 instances of a phase, beyond that an estimate from the statistics that autovacuum '
    'keeps.';

create view public.gd_limits as
with used as materialized (
    select u.kind, u.name, u.keys, u.executing, u.waiting
    from gendurable._usage(coalesce(gendurable._most_counted(), 100000)) as u
), drawn as (
    select l.name, count(*) as keys,
           sum(l.burst - gendurable._tokens(b.tokens, b.refilled_at,
                                            l.allowed, l.period, l.burst, now())) as in_use
    from (select b.* from gendurable.buckets as b
          limit coalesce(gendurable._most_counted(), 100000)) as b
    join gendurable.rate_limits as l on l.name = gendurable._policy(b.key)
    group by l.name
)
select 'concurrency' as kind, coalesce(c.name, l.name) as name,
       null::float8 as allowed, null::interval as period, null::float8 as burst,
       gendurable._max_executing(l.max_executing) as max_executing, coalesce(c.keys, 0) as keys,
       coalesce(c.executing, 0)::float8 as in_use, coalesce(c.waiting, 0) as waiting
from (select u.* from used as u where u.kind = 'concurrency') as c
full join gendurable.concurrency_limits as l on l.name = c.name
union all
select 'rate', coalesce(l.name, w.name),
       l.allowed, l.period, l.burst,
       null, coalesce(d.keys, 0),
       coalesce(d.in_use, 0), coalesce(w.waiting, 0)
from gendurable.rate_limits as l
full join (select u.* from used as u where u.kind = 'rate') as w on w.name = l.name
left join drawn as d on d.name = l.name;
comment on view public.gd_limits is
    'Every limit that is set or in use: its policy, how many keys it has, how many executions or '
    'tokens are in use, how many instances wait. `waiting` is exact up to 100,000, beyond that an '
    'estimate from the statistics that autovacuum keeps; 100,000 instances and buckets are looked '
    'at for `keys`, and for the tokens in use.';

create view public.gd_stuck as
select s.id, s.fsm, s.queue, s.step, s.reason, s.detail, s.since
from gendurable._stuck(gendurable._most_counted()) as s;
comment on view public.gd_stuck is
    'Every runnable instance that cannot start now, and why; oldest first.';

create view public.gd_schedules as
select s.name, s.cron, s.timezone, s.fsm, s.fsm_version, s.step, s.state, s.queue, s.priority,
       s.overlap, s.missed, s.stamp, s.paused, o.next_at, o.last_at, o.last_id,
       coalesce(o.fired, 0) as fired, coalesce(o.skipped, 0) as skipped
from gendurable.schedules as s
left join lateral (
    select x.next_at, x.last_at, x.last_id, x.fired, x.skipped
    from gendurable.occurrences as x
    where x.schedule = s.name
    order by x.schedule desc, x.id desc
    limit 1
) as o on true;
comment on view public.gd_schedules is
    'Every schedule: what it creates when, its next occurrence, and what came of those before.';

create view public.gd_throughput as
select t.minute, t.queue, t.fsm, t.step, t.kind, sum(t.count)::bigint as count,
       sum(t.seconds) as seconds, max(t.slowest) as slowest
from gendurable.throughput as t
where t.minute > now() - interval '1 day'
group by t.minute, t.queue, t.fsm, t.step, t.kind
order by t.minute desc, t.queue, t.fsm, t.step, t.kind;
comment on view public.gd_throughput is
    'How many steps the workers have run, and how long they took, by minute; for a day, the newest '
    'first.';
