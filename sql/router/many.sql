-- Enqueueing, and calls about many instances. A batch is split by database; what goes to one of
-- them is all or nothing there, and the batches of others may be stored when one is refused.

create function gendurable._enqueue(
    p_place int, fsm text, state jsonb, step text, queue text, priority int,
    eligible_at timestamptz, delay interval, correlation_key text, correlation_scope text[],
    concurrency_key text, rate_limit text, weight float8, fsm_version int
) returns table (id bigint, duplicate boolean)
language plproxy volatile
as $$
    cluster 'gendurable';
    run on gendurable._place($1);
    select id, duplicate
    from public.gd_enqueue(case when public.gd_here(p_place) then fsm end, state, step,
                           queue, priority, eligible_at, delay, correlation_key, correlation_scope,
                           concurrency_key, rate_limit, weight, fsm_version);
$$;
comment on function gendurable._enqueue(int, text, jsonb, text, text, int, timestamptz, interval,
                                        text, text[], text, text, float8, int) is
    'gd_enqueue where an instance belongs.';

create function gendurable._enqueue_many(p_place int, p_partitions int[], p_entries jsonb)
returns table (ord int, id bigint, duplicate boolean)
language plproxy volatile
as $$
    cluster 'gendurable';
    run on gendurable._place($1);
    select ord, id, duplicate from public.gd_enqueue_many(
        case when public.gd_here(variadic p_partitions) then p_entries end);
$$;
comment on function gendurable._enqueue_many(int, int[], jsonb) is
    'gd_enqueue_many in one database.';

create function gendurable._signal_many(p_place int, p_partitions int[], p_entries jsonb)
returns table (ord int, result text)
language plproxy volatile
as $$
    cluster 'gendurable';
    run on gendurable._place($1);
    select ord, result from public.gd_signal_many(
        case when public.gd_here(variadic p_partitions) then p_entries end);
$$;
comment on function gendurable._signal_many(int, int[], jsonb) is 'gd_signal_many in one database.';

create function gendurable._cancel_many(
    p_place int, p_partitions int[], p_ids bigint[], p_reason text
)
returns table (id bigint, result text)
language plproxy volatile
as $$
    cluster 'gendurable';
    run on gendurable._place($1);
    select id, result from public.gd_cancel_many(
        case when public.gd_here(variadic p_partitions) then p_ids end, p_reason);
$$;
comment on function gendurable._cancel_many(int, int[], bigint[], text) is
    'gd_cancel_many in one database.';

create function gendurable._retry_many(p_place int, p_partitions int[], p_ids bigint[])
returns table (id bigint, result text)
language plproxy volatile
as $$
    cluster 'gendurable';
    run on gendurable._place($1);
    select id, result from public.gd_retry_many(
        case when public.gd_here(variadic p_partitions) then p_ids end);
$$;
comment on function gendurable._retry_many(int, int[], bigint[]) is
    'gd_retry_many in one database.';

-- A batch by database: a partition that leads there, all of its partitions that the batch is about,
-- the entries, and where each stood. An entry whose partition is given says so there.
create function gendurable._split(p_entries jsonb, p_places int[])
returns table (place int, partitions int[], entries jsonb, ords int[])
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select min(p.partition), array_agg(distinct p.partition),
           jsonb_agg(e.entry order by e.ord), array_agg(e.ord::int order by e.ord)
    from jsonb_array_elements(p_entries) with ordinality as e (entry, ord)
    join gendurable.places as p on p.partition = p_places[e.ord]
    group by p.dsn
    order by 1;
$$;
comment on function gendurable._split(jsonb, int[]) is 'A batch by database.';

-- Tells an error of an entry again, with the place that the entry has in the whole batch.
create function gendurable._refuse_entry(p_detail text, p_hint text, p_ords int[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_ord int := substring(p_detail from 'ord (\d+)')::int;
begin
    raise exception using
        errcode = 'GD003', message = 'gendurable: a bad entry in the batch',
        detail = format('ord %s', p_ords[v_ord]) || substring(p_detail from 'ord \d+(.*)$'),
        hint = regexp_replace(p_hint, '^Remote hint: ', '')
               || ' Entries of other databases may be stored.';
end
$$;
comment on function gendurable._refuse_entry(text, text, int[]) is
    'Raises GD003 for an entry of a batch that was split.';

create function public.gd_enqueue(
    fsm text, state jsonb default '{}', step text default 'start', queue text default 'default',
    priority int default 0, eligible_at timestamptz default null, delay interval default null,
    correlation_key text default null, correlation_scope text[] default null,
    concurrency_key text default null, rate_limit text default null, weight float8 default 1,
    fsm_version int default null, placement text default null
) returns table (id bigint, duplicate boolean)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    -- The database gives the id the partition of its key by itself.
    if gd_enqueue.placement is null then
        return query
        select e.id, e.duplicate
        from gendurable._enqueue(
            gendurable._for_new(null, gd_enqueue.correlation_key, gd_enqueue.concurrency_key,
                                gd_enqueue.rate_limit),
            gd_enqueue.fsm, gd_enqueue.state, gd_enqueue.step, gd_enqueue.queue,
            gd_enqueue.priority, gd_enqueue.eligible_at, gd_enqueue.delay,
            gd_enqueue.correlation_key, gd_enqueue.correlation_scope, gd_enqueue.concurrency_key,
            gd_enqueue.rate_limit, gd_enqueue.weight, gd_enqueue.fsm_version) as e;
        return;
    end if;
    return query
    select e.id, e.duplicate
    from public.gd_enqueue_many(jsonb_build_array(
        jsonb_build_object(
            'fsm', gd_enqueue.fsm, 'state', gd_enqueue.state, 'step', gd_enqueue.step,
            'queue', gd_enqueue.queue, 'priority', gd_enqueue.priority,
            'eligible_at', gd_enqueue.eligible_at, 'delay', gd_enqueue.delay,
            'correlation_key', gd_enqueue.correlation_key,
            'correlation_scope', gd_enqueue.correlation_scope,
            'concurrency_key', gd_enqueue.concurrency_key, 'rate_limit', gd_enqueue.rate_limit,
            'weight', gd_enqueue.weight, 'fsm_version', gd_enqueue.fsm_version,
            'placement', gd_enqueue.placement))) as e;
end
$$;
comment on function public.gd_enqueue(text, jsonb, text, text, int, timestamptz, interval, text,
                                      text[], text, text, float8, int, text) is
    'Creates an instance in the database where it belongs, or where `placement` belongs.';

create function gendurable._enqueue_by_database(p_entries jsonb)
returns table (ord int, id bigint, duplicate boolean)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_entries jsonb := p_entries;
    v_places  int[];
    v_batch   record;
    v_detail  text;
    v_hint    text;
begin
    if jsonb_typeof(v_entries) is distinct from 'array' then
        return query select e.* from gendurable._enqueue_many(0, null, v_entries) as e;
        return;
    end if;
    v_places := array(
        select gendurable._for_new(e.entry ->> 'placement', e.entry ->> 'correlation_key',
                                   e.entry ->> 'concurrency_key', e.entry ->> 'rate_limit')
        from jsonb_array_elements(v_entries) with ordinality as e (entry, ord)
        order by e.ord);
    v_entries := (
        select jsonb_agg(case when jsonb_typeof(e.entry) = 'object' and e.entry ? 'placement'
                              then e.entry - 'placement'
                                   || case when e.entry ->> 'placement' is null then '{}'
                                           else jsonb_build_object('partition', v_places[e.ord])
                                      end
                              else e.entry end order by e.ord)
        from jsonb_array_elements(v_entries) with ordinality as e (entry, ord));
    for v_batch in select b.place, b.partitions, b.entries, b.ords
                   from gendurable._split(v_entries, v_places) as b loop
        begin
            return query
            select v_batch.ords[e.ord], e.id, e.duplicate
            from gendurable._enqueue_many(v_batch.place, v_batch.partitions, v_batch.entries) as e;
        exception when sqlstate 'GD003' then
            get stacked diagnostics v_detail = pg_exception_detail, v_hint = pg_exception_hint;
            perform gendurable._refuse_entry(v_detail, v_hint, v_batch.ords);
        end;
    end loop;
end
$$;
comment on function gendurable._enqueue_by_database(jsonb) is
    'Creates many instances, each in its database.';

create function public.gd_enqueue_many(entries jsonb)
returns table (ord int, id bigint, duplicate boolean)
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    select e.ord, e.id, e.duplicate from gendurable._enqueue_by_database($1) as e order by e.ord;
$$;
comment on function public.gd_enqueue_many(jsonb) is
    'Creates many instances, each in its database; all or nothing in each of them.';

create function gendurable._signal_by_database(p_entries jsonb) returns table (ord int, result text)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_entries jsonb := p_entries;
    v_places  int[];
    v_batch   record;
    v_detail  text;
    v_hint    text;
begin
    if jsonb_typeof(v_entries) is distinct from 'array' then
        return query select s.* from gendurable._signal_many(0, null, v_entries) as s;
        return;
    end if;
    -- What is no id goes anywhere, to be refused there.
    v_places := array(
        select case when jsonb_typeof(e.entry -> 'id') = 'number'
                         and e.entry ->> 'id' ~ '^\d{1,18}$'
                    then gendurable._by_id((e.entry ->> 'id')::bigint)
                    else gendurable._by_key(e.entry ->> 'target') end
        from jsonb_array_elements(v_entries) with ordinality as e (entry, ord)
        order by e.ord);
    for v_batch in select b.place, b.partitions, b.entries, b.ords
                   from gendurable._split(v_entries, v_places) as b loop
        begin
            return query
            select v_batch.ords[s.ord], s.result
            from gendurable._signal_many(v_batch.place, v_batch.partitions, v_batch.entries) as s;
        exception when sqlstate 'GD003' then
            get stacked diagnostics v_detail = pg_exception_detail, v_hint = pg_exception_hint;
            perform gendurable._refuse_entry(v_detail, v_hint, v_batch.ords);
        end;
    end loop;
end
$$;
comment on function gendurable._signal_by_database(jsonb) is
    'Sends many signals, each to its database.';

create function public.gd_signal_many(entries jsonb)
returns table (ord int, result text)
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    select s.ord, s.result from gendurable._signal_by_database($1) as s order by s.ord;
$$;
comment on function public.gd_signal_many(jsonb) is
    'Sends many signals; all or nothing in each database.';

create function public.gd_cancel_many(ids bigint[], reason text default null)
returns table (id bigint, result text)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select c.id, c.result
    from (select min(p.partition) as place, array_agg(distinct p.partition) as partitions,
                 array_agg(i.id order by i.ord) as ids
          from unnest(gd_cancel_many.ids) with ordinality as i (id, ord)
          join gendurable.places as p on p.partition = gendurable._by_id(i.id)
          group by p.dsn) as b
    cross join lateral gendurable._cancel_many(b.place, b.partitions, b.ids,
                                               gd_cancel_many.reason) as c
    order by array_position(gd_cancel_many.ids, c.id);
end
$$;
comment on function public.gd_cancel_many(bigint[], text) is 'Cancels many instances.';

create function public.gd_retry_many(ids bigint[]) returns table (id bigint, result text)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select r.id, r.result
    from (select min(p.partition) as place, array_agg(distinct p.partition) as partitions,
                 array_agg(i.id order by i.ord) as ids
          from unnest(gd_retry_many.ids) with ordinality as i (id, ord)
          join gendurable.places as p on p.partition = gendurable._by_id(i.id)
          group by p.dsn) as b
    cross join lateral gendurable._retry_many(b.place, b.partitions, b.ids) as r
    order by array_position(gd_retry_many.ids, r.id);
end
$$;
comment on function public.gd_retry_many(bigint[]) is 'Revives many failed instances.';
