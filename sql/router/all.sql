-- Calls that are made in all databases. Where one of them cannot be reached the call fails, and may
-- have been made in others: each says what is to be, so call it again.

create function gendurable._pause(p_queue text) returns setof text
language plproxy volatile
as $$
    cluster 'gendurable';
    run on all;
    select public.gd_pause(p_queue)::text;
$$;
comment on function gendurable._pause(text) is 'gd_pause in all databases.';
create function public.gd_pause(queue text) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform gendurable._pause($1);
end
$$;
comment on function public.gd_pause(text) is
    'Pauses a queue.';

create function gendurable._resume(p_queue text) returns setof text
language plproxy volatile
as $$
    cluster 'gendurable';
    run on all;
    select public.gd_resume(p_queue)::text;
$$;
comment on function gendurable._resume(text) is 'gd_resume in all databases.';
create function public.gd_resume(queue text) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform gendurable._resume($1);
end
$$;
comment on function public.gd_resume(text) is
    'Resumes a queue.';

create function gendurable._set_rate_limit(
    p_name text, p_allowed float8, p_period interval, p_burst float8
) returns setof text
language plproxy volatile
as $$
    cluster 'gendurable';
    run on all;
    select public.gd_set_rate_limit(p_name, p_allowed, p_period, p_burst)::text;
$$;
comment on function gendurable._set_rate_limit(text, float8, interval, float8) is
    'gd_set_rate_limit in all databases.';
create function public.gd_set_rate_limit(
    name text, allowed float8, period interval, burst float8 default null
) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform gendurable._set_rate_limit($1, $2, $3, $4);
end
$$;
comment on function public.gd_set_rate_limit(text, float8, interval, float8) is
    'Sets a rate limit: each database grants that much.';

create function gendurable._drop_rate_limit(p_name text) returns setof text
language plproxy volatile
as $$
    cluster 'gendurable';
    run on all;
    select public.gd_drop_rate_limit(p_name)::text;
$$;
comment on function gendurable._drop_rate_limit(text) is 'gd_drop_rate_limit in all databases.';
create function public.gd_drop_rate_limit(name text) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform gendurable._drop_rate_limit($1);
end
$$;
comment on function public.gd_drop_rate_limit(text) is
    'Drops a rate limit.';

create function gendurable._set_concurrency_limit(
    p_name text, p_max_executing int
) returns setof text
language plproxy volatile
as $$
    cluster 'gendurable';
    run on all;
    select public.gd_set_concurrency_limit(p_name, p_max_executing)::text;
$$;
comment on function gendurable._set_concurrency_limit(text, int) is
    'gd_set_concurrency_limit in all databases.';
create function public.gd_set_concurrency_limit(name text, max_executing int) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform gendurable._set_concurrency_limit($1, $2);
end
$$;
comment on function public.gd_set_concurrency_limit(text, int) is
    'Sets how many instances of a concurrency key execute at once in each database.';

create function gendurable._drop_concurrency_limit(p_name text) returns setof text
language plproxy volatile
as $$
    cluster 'gendurable';
    run on all;
    select public.gd_drop_concurrency_limit(p_name)::text;
$$;
comment on function gendurable._drop_concurrency_limit(text) is
    'gd_drop_concurrency_limit in all databases.';
create function public.gd_drop_concurrency_limit(name text) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform gendurable._drop_concurrency_limit($1);
end
$$;
comment on function public.gd_drop_concurrency_limit(text) is
    'Drops a concurrency limit.';

create function gendurable._set_queue_limit(p_queue text, p_max_executing int) returns setof text
language plproxy volatile
as $$
    cluster 'gendurable';
    run on all;
    select public.gd_set_queue_limit(p_queue, p_max_executing)::text;
$$;
comment on function gendurable._set_queue_limit(text, int) is
    'gd_set_queue_limit in all databases.';
create function public.gd_set_queue_limit(queue text, max_executing int) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform gendurable._set_queue_limit($1, $2);
end
$$;
comment on function public.gd_set_queue_limit(text, int) is
    'Sets how many instances of a queue execute at once in each database.';

create function gendurable._set_retention(
    p_retention interval, p_failed interval
) returns setof text
language plproxy volatile
as $$
    cluster 'gendurable';
    run on all;
    select public.gd_set_retention(p_retention, p_failed)::text;
$$;
comment on function gendurable._set_retention(interval, interval) is
    'gd_set_retention in all databases.';
create function public.gd_set_retention(
    retention interval, failed interval default null
) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform gendurable._set_retention($1, $2);
end
$$;
comment on function public.gd_set_retention(interval, interval) is
    'Sets how long finished instances are kept.';

create function gendurable._set_history(p_fsm text, p_level text) returns setof text
language plproxy volatile
as $$
    cluster 'gendurable';
    run on all;
    select public.gd_set_history(p_fsm, p_level)::text;
$$;
comment on function gendurable._set_history(text, text) is 'gd_set_history in all databases.';
create function public.gd_set_history(fsm text, level text) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform gendurable._set_history($1, $2);
end
$$;
comment on function public.gd_set_history(text, text) is
    'Sets how much is noted of what happens.';

create function public.gd_next_occurrence(
    cron text, timezone text default 'UTC', after timestamptz default now()
) returns timestamptz
language plproxy volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    cluster 'gendurable';
    run on any;
$$;
comment on function public.gd_next_occurrence(text, text, timestamptz) is
    'The first moment of a cron expression after another.';

create function gendurable._gc(p_retention interval, p_batch int) returns setof int
language plproxy volatile
as $$
    cluster 'gendurable';
    run on all;
    select public.gd_gc(p_retention, p_batch);
$$;
comment on function gendurable._gc(interval, int) is 'gd_gc in all databases.';
create function public.gd_gc(retention interval default null, batch int default 10000)
returns int
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    select sum(g)::int from gendurable._gc($1, $2) as g;
$$;
comment on function public.gd_gc(interval, int) is
    'Forgets finished instances in all databases; answers how many.';
