-- The views, put together from those of all databases. Each reads the whole view there: a
-- dashboard is better asked at each database.

create function gendurable._instances() returns table (
    id bigint, status text, fsm text, fsm_version int, step text, queue text, priority int,
    attempt int, correlation_key text, concurrency_key text, rate_limit text, parent_id
    bigint, worker_id bigint, state jsonb, result jsonb, error jsonb, awaits text[],
    await_deadline timestamptz, children_pending int, enqueued_at timestamptz, eligible_at
    timestamptz, updated_at timestamptz, finished_at timestamptz, progress jsonb
)
language plproxy volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    cluster 'gendurable';
    run on all;
    select id, status, fsm, fsm_version, step, queue, priority, attempt, correlation_key,
           concurrency_key, rate_limit, parent_id, worker_id, state, result, error, awaits,
           await_deadline, children_pending, enqueued_at, eligible_at, updated_at,
           finished_at, progress
    from public.gd_instances;
$$;
comment on function gendurable._instances() is 'gd_instances of all databases.';
create view public.gd_instances as
select x.id, x.status, x.fsm, x.fsm_version, x.step, x.queue, x.priority, x.attempt,
       x.correlation_key, x.concurrency_key, x.rate_limit, x.parent_id, x.worker_id, x.state,
       x.result, x.error, x.awaits, x.await_deadline, x.children_pending, x.enqueued_at,
       x.eligible_at, x.updated_at, x.finished_at, x.progress
from gendurable._instances() as x;
comment on view public.gd_instances is
    'Every instance, live and finished, of all databases. It reads them all.';

create function gendurable._limits() returns table (
    kind text, name text, allowed float8, period interval, burst float8, max_executing int,
    keys bigint, in_use float8, waiting bigint
)
language plproxy volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    cluster 'gendurable';
    run on all;
    select kind, name, allowed, period, burst, max_executing, keys, in_use, waiting
    from public.gd_limits;
$$;
comment on function gendurable._limits() is 'gd_limits of all databases.';
create view public.gd_limits as
select l.kind, l.name, max(l.allowed) as allowed, max(l.period) as period,
       max(l.burst) as burst, max(l.max_executing) as max_executing,
       sum(l.keys)::bigint as keys, sum(l.in_use) as in_use, sum(l.waiting)::bigint as waiting,
       count(*) as databases
from gendurable._limits() as l
group by l.kind, l.name;
comment on view public.gd_limits is
    'Limits, and how much of them is used. Each of the databases grants as much as the limit says.';

create function gendurable._queues() returns table (
    queue text, paused boolean, ready bigint, scheduled bigint, held bigint, executing bigint,
    awaiting bigint, depth bigint, oldest_ready_age interval, next_due timestamptz, workers
    bigint, max_executing int
)
language plproxy volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    cluster 'gendurable';
    run on all;
    select queue, paused, ready, scheduled, held, executing, awaiting, depth,
           oldest_ready_age, next_due, workers, max_executing
    from public.gd_queues;
$$;
comment on function gendurable._queues() is 'gd_queues of all databases.';
create view public.gd_queues as
select q.queue, bool_or(q.paused) as paused, sum(q.ready)::bigint as ready,
       sum(q.scheduled)::bigint as scheduled, sum(q.held)::bigint as held,
       sum(q.executing)::bigint as executing, sum(q.awaiting)::bigint as awaiting,
       sum(q.depth)::bigint as depth, max(q.oldest_ready_age) as oldest_ready_age,
       min(q.next_due) as next_due, sum(q.workers)::bigint as workers,
       max(q.max_executing) as max_executing, count(*) as databases
from gendurable._queues() as q
group by q.queue;
comment on view public.gd_queues is
    'Queues, added up. A limit of a queue is that of each of the databases.';

create function gendurable._schedules() returns table (
    name text, cron text, timezone text, fsm text, fsm_version int, step text, state jsonb,
    queue text, priority int, overlap text, missed text, stamp text, paused boolean, next_at
    timestamptz, last_at timestamptz, last_id bigint, fired bigint, skipped bigint
)
language plproxy volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    cluster 'gendurable';
    run on all;
    select name, cron, timezone, fsm, fsm_version, step, state, queue, priority, overlap,
           missed, stamp, paused, next_at, last_at, last_id, fired, skipped
    from public.gd_schedules;
$$;
comment on function gendurable._schedules() is 'gd_schedules of all databases.';
create view public.gd_schedules as
select x.name, x.cron, x.timezone, x.fsm, x.fsm_version, x.step, x.state, x.queue, x.priority,
       x.overlap, x.missed, x.stamp, x.paused, x.next_at, x.last_at, x.last_id, x.fired,
       x.skipped
from gendurable._schedules() as x;
comment on view public.gd_schedules is
    'Schedules of all databases.';

create function gendurable._stuck() returns table (
    id bigint, fsm text, queue text, step text, reason text, detail text, since timestamptz
)
language plproxy volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    cluster 'gendurable';
    run on all;
    select id, fsm, queue, step, reason, detail, since
    from public.gd_stuck;
$$;
comment on function gendurable._stuck() is 'gd_stuck of all databases.';
create view public.gd_stuck as
select x.id, x.fsm, x.queue, x.step, x.reason, x.detail, x.since
from gendurable._stuck() as x;
comment on view public.gd_stuck is
    'What cannot start now, in all databases.';

create function gendurable._throughput() returns table (
    minute timestamptz, queue text, fsm text, step text, kind text, count bigint, seconds
    float8, slowest float8
)
language plproxy volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    cluster 'gendurable';
    run on all;
    select minute, queue, fsm, step, kind, count, seconds, slowest
    from public.gd_throughput;
$$;
comment on function gendurable._throughput() is 'gd_throughput of all databases.';
create view public.gd_throughput as
select x.minute, x.queue, x.fsm, x.step, x.kind, x.count, x.seconds, x.slowest
from gendurable._throughput() as x;
comment on view public.gd_throughput is
    'Steps that ran, by minute, of all databases.';

create function gendurable._workers() returns table (
    id bigint, name text, queues text[], executing bigint, registered_at timestamptz,
    lease_until timestamptz, alive boolean, info jsonb, database text
)
language plproxy volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    cluster 'gendurable';
    run on all;
    select id, name, queues, executing, registered_at, lease_until, alive, info,
           current_database()
    from public.gd_workers;
$$;
comment on function gendurable._workers() is 'gd_workers of all databases.';
create view public.gd_workers as
select x.id, x.name, x.queues, x.executing, x.registered_at, x.lease_until, x.alive, x.info,
       x.database
from gendurable._workers() as x;
comment on view public.gd_workers is
    'Workers of all databases.';
