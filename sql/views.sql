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
comment on column public.gd_instances.id is 'Its id, which is never reused.';
comment on column public.gd_instances.status is
    'runnable, executing, awaiting_signal, awaiting_children, done or failed.';
comment on column public.gd_instances.fsm is 'The name of its machine.';
comment on column public.gd_instances.fsm_version is 'The version of its machine.';
comment on column public.gd_instances.step is
    'The step that runs or runs next; of a finished instance its last step.';
comment on column public.gd_instances.queue is 'The queue from which workers pick it.';
comment on column public.gd_instances.priority is 'Smaller ones are picked first.';
comment on column public.gd_instances.attempt is
    'How many executions of the current step have failed or were lost.';
comment on column public.gd_instances.correlation_key is
    'The key that names it; one live instance at most has it.';
comment on column public.gd_instances.concurrency_key is
    'The key under which the executions at once are limited; null: none.';
comment on column public.gd_instances.rate_limit is
    'The rate key from which the next start of a step draws tokens; null: none.';
comment on column public.gd_instances.parent_id is
    'The instance that scheduled it as a child; null: none.';
comment on column public.gd_instances.worker_id is
    'The worker that holds its claim; null unless it is executing.';
comment on column public.gd_instances.state is 'The state that the latest outcome has committed.';
comment on column public.gd_instances.result is
    'What its done outcome said; null while it is live, or where it failed.';
comment on column public.gd_instances.error is
    'What the latest failed attempt left; of a failed instance what ended it.';
comment on column public.gd_instances.awaits is
    'The names of the signals that it awaits; null unless it awaits signals.';
comment on column public.gd_instances.await_deadline is
    'When it stops awaiting signals; null: never, or it does not await any.';
comment on column public.gd_instances.children_pending is
    'How many children its join still waits for.';
comment on column public.gd_instances.enqueued_at is 'When it was created.';
comment on column public.gd_instances.eligible_at is
    'Not picked before this moment; null while it awaits, and once it is finished.';
comment on column public.gd_instances.updated_at is 'When its row last changed.';
comment on column public.gd_instances.finished_at is 'When it finished; null while it is live.';
comment on column public.gd_instances.progress is
    'What its step has last reported of its progress.';

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
comment on column public.gd_workers.id is 'The id that gd_register answered.';
comment on column public.gd_workers.name is
    'The name under which it registered; several may share one.';
comment on column public.gd_workers.queues is 'The queues that it serves.';
comment on column public.gd_workers.executing is 'How many instances it holds claims of.';
comment on column public.gd_workers.registered_at is 'When it registered.';
comment on column public.gd_workers.lease_until is 'Until when its latest sign of life is good.';
comment on column public.gd_workers.alive is 'True: its lease runs.';
comment on column public.gd_workers.info is
    'What it has told of itself: host, process, machines and versions.';

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
comment on column public.gd_queues.queue is 'The name of the queue.';
comment on column public.gd_queues.paused is 'True: gd_pause has stopped it.';
comment on column public.gd_queues.ready is 'How many instances a worker may pick now.';
comment on column public.gd_queues.scheduled is
    'How many are not due yet, or wait for tokens of a rate limit.';
comment on column public.gd_queues.held is 'How many wait for a slot of their concurrency key.';
comment on column public.gd_queues.executing is 'How many workers hold claims of.';
comment on column public.gd_queues.awaiting is 'How many await signals or children.';
comment on column public.gd_queues.depth is 'ready, scheduled and held together.';
comment on column public.gd_queues.oldest_ready_age is
    'For how long the oldest ready instance has been due; null: none is ready.';
comment on column public.gd_queues.next_due is
    'When a pick may next find something that it does not find now: gd_next_due.';
comment on column public.gd_queues.workers is 'How many live workers serve it.';
comment on column public.gd_queues.max_executing is
    'How many may execute at once (gd_set_queue_limit); null: any number.';

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
comment on column public.gd_limits.kind is 'concurrency or rate.';
comment on column public.gd_limits.name is
    'The name of the limit: what stands before the colon of its keys.';
comment on column public.gd_limits.allowed is
    'Of a rate limit: how many tokens flow in each period; null: it is not set.';
comment on column public.gd_limits.period is 'Of a rate limit: the period.';
comment on column public.gd_limits.burst is
    'Of a rate limit: how many tokens a bucket holds at most.';
comment on column public.gd_limits.max_executing is
    'Of a concurrency limit: how many instances of each key may execute at once.';
comment on column public.gd_limits.keys is 'How many keys are in use.';
comment on column public.gd_limits.in_use is
    'How many executions, or how many tokens are drawn, in all keys together.';
comment on column public.gd_limits.waiting is 'How many instances wait, in all keys together.';

create view public.gd_stuck as
select s.id, s.fsm, s.queue, s.step, s.reason, s.detail, s.since
from gendurable._stuck(gendurable._most_counted()) as s;
comment on view public.gd_stuck is
    'Every runnable instance that cannot start now, and why; oldest first.';
comment on column public.gd_stuck.id is 'The instance.';
comment on column public.gd_stuck.fsm is 'The name of its machine.';
comment on column public.gd_stuck.queue is 'Its queue.';
comment on column public.gd_stuck.step is 'The step that cannot start.';
comment on column public.gd_stuck.reason is
    'queue_paused, no_worker, no_machine, queue_limit, unknown_rate_limit, weight_above_burst '
    'or concurrency_key.';
comment on column public.gd_stuck.detail is
    'The values behind the reason: the queue, the key, the limit.';
comment on column public.gd_stuck.since is 'Since when it could have started otherwise.';

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
comment on column public.gd_schedules.name is 'The name of the schedule.';
comment on column public.gd_schedules.cron is 'The cron expression.';
comment on column public.gd_schedules.timezone is 'The time zone whose clocks it goes by.';
comment on column public.gd_schedules.fsm is 'The machine of which it creates instances.';
comment on column public.gd_schedules.fsm_version is
    'Their version; null: the newest that is known when one is created.';
comment on column public.gd_schedules.step is 'Their first step.';
comment on column public.gd_schedules.state is 'Their state.';
comment on column public.gd_schedules.queue is 'Their queue.';
comment on column public.gd_schedules.priority is 'Their priority.';
comment on column public.gd_schedules.overlap is
    'What happens where the instance before is still live: skip or allow.';
comment on column public.gd_schedules.missed is
    'What becomes of occurrences that were missed: one, skip or all.';
comment on column public.gd_schedules.stamp is
    'The field of the state that is given the moment of the occurrence; null: none.';
comment on column public.gd_schedules.paused is 'True: gd_pause_schedule has stopped it.';
comment on column public.gd_schedules.next_at is
    'Its next occurrence; null: none within ten years.';
comment on column public.gd_schedules.last_at is 'The occurrence that was last fired.';
comment on column public.gd_schedules.last_id is 'The instance that this one created.';
comment on column public.gd_schedules.fired is 'How many instances it has created.';
comment on column public.gd_schedules.skipped is 'How many occurrences created none.';

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
comment on column public.gd_throughput.minute is 'The minute in which the steps were reported.';
comment on column public.gd_throughput.queue is 'The queue.';
comment on column public.gd_throughput.fsm is 'The machine.';
comment on column public.gd_throughput.step is 'The step.';
comment on column public.gd_throughput.kind is
    'The kind of outcome: next, retry, await, schedule_children, done or stop.';
comment on column public.gd_throughput.count is 'How many steps ended so.';
comment on column public.gd_throughput.seconds is 'How many seconds they took together.';
comment on column public.gd_throughput.slowest is 'How many seconds the slowest of them took.';
