-- Calls that look at all databases, and put together what they answer. Where one of them cannot be
-- reached the call fails: an answer is never one of some databases only.

create function gendurable._find(
    p_fsm text, p_status text[], p_step text, p_queue text, p_correlation_key text,
    p_key_prefix text, p_concurrency_key text, p_parent bigint, p_state jsonb,
    p_since timestamptz, p_until timestamptz, p_before bigint, p_most int, p_looks int
) returns table (ids bigint[], next_before bigint, looked int)
language plproxy volatile
as $$
    cluster 'gendurable';
    run on all;
    select f.ids, f.next_before, f.looked
    from public.gd_find(p_fsm, p_status, p_step, p_queue, p_correlation_key, p_key_prefix,
                        p_concurrency_key, p_parent, p_state, p_since, p_until, p_before, p_most,
                        p_looks) as f;
$$;
comment on function gendurable._find(text, text[], text, text, text, text, text, bigint, jsonb,
                                     timestamptz, timestamptz, bigint, int, int) is
    'gd_find in all databases.';
-- A page ends where the first of the databases has ended its own: below that id another one may
-- have seen more. It looks at as many instances as it may in each of them.
create function public.gd_find(
    fsm text default null, status text[] default null, step text default null,
    queue text default null, correlation_key text default null, key_prefix text default null,
    concurrency_key text default null, parent bigint default null, state jsonb default null,
    since timestamptz default null, until timestamptz default null,
    before bigint default null, most int default 100, looks int default 20000
) returns table (ids bigint[], next_before bigint, looked int)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_most int := coalesce(gd_find.most, 100);
begin
    with page as materialized (
        select f.ids, f.next_before, f.looked
        from gendurable._find($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
                                  $14) as f
    ), bound as (
        select max(p.next_before) as id, sum(p.looked)::int as looked from page as p
    )
    select array(select i.id from page as p cross join lateral unnest(p.ids) as i (id)
                 where i.id >= coalesce(b.id, i.id)
                 order by i.id desc limit v_most + 1),
           b.id, b.looked
    into ids, next_before, looked
    from bound as b;
    if cardinality(ids) > v_most and v_most > 0 then
        ids := ids[:v_most];
        next_before := ids[v_most];
    end if;
    return next;
end
$$;
comment on function public.gd_find(text, text[], text, text, text, text, text, bigint, jsonb,
                                   timestamptz, timestamptz, bigint, int, int) is
    'Looks for instances in all databases, by id, the greatest first: page by page.';

create function gendurable._lines(p_kind text, p_name text, p_most int)
returns table (key text, in_use float8, waiting bigint, first bigint, due_at timestamptz)
language plproxy volatile
as $$
    cluster 'gendurable';
    run on all;
    select l.key, l.in_use, l.waiting, l.first, l.due_at
    from public.gd_lines(p_kind, p_name, p_most) as l;
$$;
comment on function gendurable._lines(text, text, int) is 'gd_lines in all databases.';
create function public.gd_lines(kind text, name text, most int default 100)
returns table (key text, in_use float8, waiting bigint, first bigint, due_at timestamptz)
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    select l.key, l.in_use, l.waiting, l.first, l.due_at
    from gendurable._lines($1, $2, $3) as l
    order by l.waiting desc, l.key, l.first
    limit coalesce($3, 100);
$$;
comment on function public.gd_lines(text, text, int) is
    'The waiting lines of a limit, the longest first: a key has one in each database.';

create function gendurable._stuck(p_most int) returns table (
    id bigint, fsm text, queue text, step text, reason text, detail text, since timestamptz
)
language plproxy volatile
as $$
    cluster 'gendurable';
    run on all;
    select s.id, s.fsm, s.queue, s.step, s.reason, s.detail, s.since
    from public.gd_stuck(p_most) as s;
$$;
comment on function gendurable._stuck(int) is 'gd_stuck in all databases.';
create function public.gd_stuck(most int) returns table (
    id bigint, fsm text, queue text, step text, reason text, detail text, since timestamptz
)
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    select s.id, s.fsm, s.queue, s.step, s.reason, s.detail, s.since
    from gendurable._stuck($1) as s
    order by s.since, s.id;
$$;
comment on function public.gd_stuck(int) is
    'Runnable instances that cannot start now, and why: some of each kind, of each database.';

create function gendurable._horizon() returns table (
    kind text, pid int, name text, since timestamptz, age bigint, detail text
)
language plproxy volatile
as $$
    cluster 'gendurable';
    run on all;
    select h.kind, h.pid, h.name, h.since, h.age,
           concat_ws(': ', current_database(), h.detail) as detail
    from public.gd_horizon() as h;
$$;
comment on function gendurable._horizon() is 'gd_horizon in all databases.';
create function public.gd_horizon() returns table (
    kind text, pid int, name text, since timestamptz, age bigint, detail text
)
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    select h.kind, h.pid, h.name, h.since, h.age, h.detail
    from gendurable._horizon() as h
    order by h.age desc nulls last;
$$;
comment on function public.gd_horizon() is
    'What holds the horizon of vacuum in each database, which `detail` names first.';

create function gendurable._doctor(p_channel text) returns table (
    topic text, status text, detail text, remedy text, at timestamptz, pid int
)
language plproxy volatile
as $$
    cluster 'gendurable';
    run on all;
    select d.topic, d.status, current_database() || ': ' || d.detail as detail, d.remedy,
           d.at, d.pid
    from public.gd_doctor(p_channel) as d;
$$;
comment on function gendurable._doctor(text) is 'gd_doctor in all databases.';
create function public.gd_doctor(channel text default null) returns table (
    topic text, status text, detail text, remedy text, at timestamptz, pid int
)
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    select d.topic, d.status, d.detail, d.remedy, d.at, d.pid
    from gendurable._doctor(null) as d;
$$;
comment on function public.gd_doctor(text) is
    'What is wrong in each database, which `detail` names first, and what to do.';
