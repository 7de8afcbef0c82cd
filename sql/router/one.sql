-- Calls about one instance or one schedule: each goes to the database that holds it, found by the
-- partition in the id, or by the key. There gd_here refuses a call that was led to the wrong one.
--
-- An argument is named by its number, because `target` is a word of PL/Proxy. A key's partition is
-- that of gendurable._partition, written out, because the router's role calls public functions.

create function public.gd_signal(
    target text, name text, payload jsonb default '{}', dedup_key text default null
) returns text
language plproxy volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    cluster 'gendurable';
    run on gendurable._by_key($1);
    select x
    from public.gd_signal(
             case when public.gd_here(get_byte(sha256(convert_to($1, 'UTF8')), 0) & 63) then $1 end,
             $2, $3, $4) as x;
$$;
comment on function public.gd_signal(text, text, jsonb, text) is
    'Sends a signal to one instance.';

create function public.gd_signal(
    target bigint, name text, payload jsonb default '{}', dedup_key text default null
) returns text
language plproxy volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    cluster 'gendurable';
    run on gendurable._by_id($1);
    select x
    from public.gd_signal(case when public.gd_here(($1 & 63)::int) then $1 end, $2, $3, $4) as x;
$$;
comment on function public.gd_signal(bigint, text, jsonb, text) is
    'Sends a signal to one instance.';

create function public.gd_cancel(
    target text, reason text default null, cascade boolean default false
) returns int
language plproxy volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    cluster 'gendurable';
    run on gendurable._by_key($1);
    select x
    from public.gd_cancel(
             case when public.gd_here(get_byte(sha256(convert_to($1, 'UTF8')), 0) & 63) then $1 end,
             $2, $3) as x;
$$;
comment on function public.gd_cancel(text, text, boolean) is
    'Cancels an instance, and with cascade all below it.';

create function public.gd_cancel(
    target bigint, reason text default null, cascade boolean default false
) returns int
language plproxy volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    cluster 'gendurable';
    run on gendurable._by_id($1);
    select x from public.gd_cancel(case when public.gd_here(($1 & 63)::int)
                                   then $1 end, $2, $3) as x;
$$;
comment on function public.gd_cancel(bigint, text, boolean) is
    'Cancels an instance, and with cascade all below it.';

create function public.gd_retry(
    id bigint, step text default null, state jsonb default null
) returns text
language plproxy volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    cluster 'gendurable';
    run on gendurable._by_id($1);
    select x from public.gd_retry(case when public.gd_here(($1 & 63)::int)
                                  then $1 end, $2, $3) as x;
$$;
comment on function public.gd_retry(bigint, text, jsonb) is
    'Revives a failed instance.';

create function public.gd_status(
    target text
) returns table (id bigint, status text, fsm text, fsm_version int, step text,
    state jsonb, attempt int, queue text, correlation_key text, result jsonb, error jsonb,
    enqueued_at timestamptz, updated_at timestamptz, finished_at timestamptz)
language plproxy volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    cluster 'gendurable';
    run on gendurable._by_key($1);
    select x.id, x.status, x.fsm, x.fsm_version, x.step, x.state, x.attempt, x.queue,
           x.correlation_key, x.result, x.error, x.enqueued_at, x.updated_at,
           x.finished_at
    from public.gd_status(
             case when public.gd_here(get_byte(sha256(convert_to($1, 'UTF8')), 0) & 63)
             then $1 end) as x;
$$;
comment on function public.gd_status(text) is
    'One instance, live or finished.';

create function public.gd_status(
    target bigint
) returns table (id bigint, status text, fsm text, fsm_version int, step text,
    state jsonb, attempt int, queue text, correlation_key text, result jsonb, error jsonb,
    enqueued_at timestamptz, updated_at timestamptz, finished_at timestamptz)
language plproxy volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    cluster 'gendurable';
    run on gendurable._by_id($1);
    select x.id, x.status, x.fsm, x.fsm_version, x.step, x.state, x.attempt, x.queue,
           x.correlation_key, x.result, x.error, x.enqueued_at, x.updated_at,
           x.finished_at
    from public.gd_status(case when public.gd_here(($1 & 63)::int) then $1 end) as x;
$$;
comment on function public.gd_status(bigint) is
    'One instance, live or finished.';

create function public.gd_history(
    target text
) returns table (at timestamptz, started_at timestamptz, event text,
    step text, attempt int, worker text, detail jsonb)
language plproxy volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    cluster 'gendurable';
    run on gendurable._by_key($1);
    select x.at, x.started_at, x.event, x.step, x.attempt, x.worker, x.detail
    from public.gd_history(
             case when public.gd_here(get_byte(sha256(convert_to($1, 'UTF8')), 0) & 63)
             then $1 end) as x;
$$;
comment on function public.gd_history(text) is
    'What has happened to an instance.';

create function public.gd_history(
    target bigint
) returns table (at timestamptz, started_at timestamptz, event text,
    step text, attempt int, worker text, detail jsonb)
language plproxy volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    cluster 'gendurable';
    run on gendurable._by_id($1);
    select x.at, x.started_at, x.event, x.step, x.attempt, x.worker, x.detail
    from public.gd_history(case when public.gd_here(($1 & 63)::int) then $1 end) as x;
$$;
comment on function public.gd_history(bigint) is
    'What has happened to an instance.';

create function public.gd_why(
    target text
) returns table (id bigint, reason text, detail text, remedy text,
    since timestamptz)
language plproxy volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    cluster 'gendurable';
    run on gendurable._by_key($1);
    select x.id, x.reason, x.detail, x.remedy, x.since
    from public.gd_why(
             case when public.gd_here(get_byte(sha256(convert_to($1, 'UTF8')), 0) & 63)
             then $1 end) as x;
$$;
comment on function public.gd_why(text) is
    'Why an instance does not run.';

create function public.gd_why(
    target bigint
) returns table (id bigint, reason text, detail text, remedy text,
    since timestamptz)
language plproxy volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    cluster 'gendurable';
    run on gendurable._by_id($1);
    select x.id, x.reason, x.detail, x.remedy, x.since
    from public.gd_why(case when public.gd_here(($1 & 63)::int) then $1 end) as x;
$$;
comment on function public.gd_why(bigint) is
    'Why an instance does not run.';

create function public.gd_watch(target text) returns text
language plproxy volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    cluster 'gendurable';
    run on gendurable._by_key($1);
    select x
    from public.gd_watch(
             case when public.gd_here(get_byte(sha256(convert_to($1, 'UTF8')), 0) & 63)
             then $1 end) as x;
$$;
comment on function public.gd_watch(text) is
    'Asks for a notification, which is sent in the database of the instance.';

create function public.gd_watch(target bigint) returns text
language plproxy volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    cluster 'gendurable';
    run on gendurable._by_id($1);
    select x from public.gd_watch(case when public.gd_here(($1 & 63)::int) then $1 end) as x;
$$;
comment on function public.gd_watch(bigint) is
    'Asks for a notification, which is sent in the database of the instance.';

create function public.gd_children(
    parent bigint, after int default 0, most int default 100
) returns table (ord int, id bigint, fsm text, status text, result jsonb, error jsonb, state jsonb)
language plproxy volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    cluster 'gendurable';
    run on gendurable._by_id($1);
    select x.ord, x.id, x.fsm, x.status, x.result, x.error, x.state
    from public.gd_children(case when public.gd_here(($1 & 63)::int) then $1 end, $2, $3) as x;
$$;
comment on function public.gd_children(bigint, int, int) is
    'The children of the latest round, by page.';

create function public.gd_signals(
    id bigint, after bigint default 0, most int default 100
) returns table (signal_id bigint, name text, payload jsonb, sent_at timestamptz)
language plproxy volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    cluster 'gendurable';
    run on gendurable._by_id($1);
    select x.signal_id, x.name, x.payload, x.sent_at
    from public.gd_signals(case when public.gd_here(($1 & 63)::int) then $1 end, $2, $3) as x;
$$;
comment on function public.gd_signals(bigint, bigint, int) is
    'An inbox, by page.';

create function public.gd_tree(
    root bigint, most int default 1000
) returns table (id bigint, parent_id bigint, depth int, fsm text,
    step text, status text, queue text, correlation_key text, error jsonb,
    enqueued_at timestamptz, updated_at timestamptz, finished_at timestamptz)
language plproxy volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    cluster 'gendurable';
    run on gendurable._by_id($1);
    select x.id, x.parent_id, x.depth, x.fsm, x.step, x.status, x.queue,
           x.correlation_key, x.error, x.enqueued_at, x.updated_at, x.finished_at
    from public.gd_tree(case when public.gd_here(($1 & 63)::int) then $1 end, $2) as x;
$$;
comment on function public.gd_tree(bigint, int) is
    'An instance and all below it.';

create function public.gd_schedule(
    name text, cron text, fsm text, state jsonb default '{}', step text default 'start',
    queue text default 'default', priority int default 0, timezone text default 'UTC',
    overlap text default 'skip', missed text default 'one', stamp text default null,
    concurrency_key text default null, rate_limit text default null, weight float8 default 1,
    fsm_version int default null
) returns timestamptz
language plproxy volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    cluster 'gendurable';
    run on gendurable._by_schedule($1);
    select x
    from public.gd_schedule(
             case when public.gd_here(
                           get_byte(sha256(convert_to('schedule:' || $1, 'UTF8')), 0) & 63)
             then $1 end,
             $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) as x;
$$;
comment on function public.gd_schedule(text, text, text, jsonb, text, text, int, text, text, text,
                                       text, text, text, float8, int) is
    'Creates or replaces a schedule.';

create function public.gd_unschedule(name text) returns boolean
language plproxy volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    cluster 'gendurable';
    run on gendurable._by_schedule($1);
    select x
    from public.gd_unschedule(
             case when public.gd_here(
                           get_byte(sha256(convert_to('schedule:' || $1, 'UTF8')), 0) & 63)
             then $1 end
         ) as x;
$$;
comment on function public.gd_unschedule(text) is
    'Ends a schedule.';

create function public.gd_pause_schedule(name text) returns boolean
language plproxy volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    cluster 'gendurable';
    run on gendurable._by_schedule($1);
    select x
    from public.gd_pause_schedule(
             case when public.gd_here(
                           get_byte(sha256(convert_to('schedule:' || $1, 'UTF8')), 0) & 63)
             then $1 end
         ) as x;
$$;
comment on function public.gd_pause_schedule(text) is
    'Pauses a schedule.';

create function public.gd_resume_schedule(name text) returns boolean
language plproxy volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    cluster 'gendurable';
    run on gendurable._by_schedule($1);
    select x
    from public.gd_resume_schedule(
             case when public.gd_here(
                           get_byte(sha256(convert_to('schedule:' || $1, 'UTF8')), 0) & 63)
             then $1 end
         ) as x;
$$;
comment on function public.gd_resume_schedule(text) is
    'Resumes a schedule.';
