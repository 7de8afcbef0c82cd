-- Moves what has become due in a queue into the ready set: scheduled instances, and parks
-- past their deadline.
--
-- Earliest first and at most 1,000 in one call, so that a flood that falls due at one moment delays
-- no pick for long; what is left is for the next call. Each instance is moved once in its wait, so
-- the cost of a pick does not grow with what is scheduled.
-- Locks:  the due instances, never waiting; see gendurable._sync_keys.
-- Writes: instances, doorbells, correlation_keys.
-- Plan:   instances_due; one descent when nothing is due.
create function gendurable._wake_due(p_queue text, out moved int, out parks int)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_sort = off
set jit = off
as $$
declare
    v_ids    bigint[];
    v_keys   text[];
    v_rates  text[];
    v_scoped bigint[];
begin
    v_ids := array(
        select i.id from gendurable.instances as i
        where i.queue = p_queue and i.phase in ('scheduled', 'awaiting_signal')
          and i.eligible_at < 'infinity' and i.eligible_at <= now()
        order by i.queue, i.eligible_at
        limit 1000
        for no key update skip locked);

    moved := cardinality(v_ids);
    parks := 0;
    if moved > 0 then
        -- A scheduled instance keeps its place, which is the time it was meant for. A park is
        -- woken now, and keeps the names it awaited: its step is handed whatever signals of those
        -- names are there.
        with due as materialized (
            select i.id, i.phase = 'awaiting_signal' as parked,
                   i.concurrency_key, i.rate_limit, i.correlation_scope
            from gendurable.instances as i
            where i.id = any (v_ids)
        ), woken as (
            update gendurable.instances as i
            set phase = gendurable._runnable(i.concurrency_key, i.rate_limit, false),
                eligible_at = case when d.parked then now() else i.eligible_at end,
                updated_at = case when d.parked then now() else i.updated_at end
            from due as d
            where i.id = d.id
        )
        select (count(*) filter (where d.parked))::int,
               array_agg(d.concurrency_key) filter (where d.concurrency_key is not null),
               array_agg(d.rate_limit) filter (where d.rate_limit is not null),
               array_agg(d.id) filter (where d.parked and d.correlation_scope is not null)
        into parks, v_keys, v_rates, v_scoped
        from due as d;
        if v_keys is not null or v_rates is not null then
            perform gendurable._ring(v_keys, v_rates);
        end if;
        if v_scoped is not null then
            perform gendurable._sync_keys(v_scoped);
        end if;
    end if;
end
$$;
comment on function gendurable._wake_due(text) is
    'Moves what has become due in a queue into the ready set; answers how many, and how many '
    'of them were parks.';
