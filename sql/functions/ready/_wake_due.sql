-- Moves what has become due in a queue into the ready set: scheduled instances, and parks
-- past their deadline.
--
-- Earliest first and at most some 1,000 in one call, so that a flood that falls due at one moment
-- delays no pick for long; what is left is for the next call. Each instance is moved once in its
-- wait, so the cost of a pick does not grow with what is scheduled.
-- Locks:  the due instances, never waiting; see gendurable._announce.
-- Writes: instances, doorbells, correlation_keys, history, waits.
-- Plan:   as gendurable._stretches; instances_due and instances_due_lately, one descent for each
--         when nothing is due.
create function gendurable._wake_due(p_queue text, out moved int, out parks int,
                                     out kinds int[], out more boolean)
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
    c_most   constant int := 1000;
    v_in     gendurable.entrance;
    v_part   gendurable.stretch;
    v_ids    bigint[] := array[]::bigint[];
    v_lately bigint[] := array[]::bigint[];
    v_keys   text[];
    v_rates  text[];
    v_scoped bigint[];
begin
    -- One stretch in most calls. What stands in both indexes is found twice.
    foreach v_part in array gendurable._stretches(p_queue) loop
        if v_part.from_at > now() then
            continue;
        elsif v_part.run is null then
            v_ids := v_ids || array(
                select i.id from gendurable.instances as i
                where i.queue = p_queue and i.phase in ('scheduled', 'awaiting_signal')
                  and i.eligible_at < 'infinity' and i.eligible_at <= now()
                  and i.eligible_at >= v_part.from_at and i.eligible_at < v_part.until_at
                order by i.queue, i.eligible_at
                limit c_most - cardinality(v_ids)
                for no key update skip locked);
        else
            v_lately := v_lately || array(
                select i.id from gendurable.instances as i
                where i.queue = p_queue and i.phase in ('scheduled', 'awaiting_signal')
                  and i.eligible_at < 'infinity' and i.eligible_at <= now()
                  and (i.lane & 1099511627775) = v_part.run
                order by i.queue, i.lane & 1099511627775, i.eligible_at
                limit c_most - cardinality(v_lately)
                for no key update skip locked);
        end if;
    end loop;
    if v_lately <> '{}' then
        v_ids := array(select unnest(v_ids) union select unnest(v_lately));
    end if;

    moved := cardinality(v_ids);
    more := moved >= c_most;
    parks := 0;
    if moved > 0 then
        perform gendurable._note_expired(v_ids);
        v_in := gendurable._enter_ready();
        -- A scheduled instance keeps its place, which is the time it was meant for. A park is
        -- woken now, and keeps the names it awaited: its step is handed whatever signals of those
        -- names are there.
        with due as materialized (
            select i.id, i.phase = 'awaiting_signal' as parked
            from gendurable.instances as i
            where i.id = any (v_ids)
        ), woken as (
            update gendurable.instances as i
            set phase = gendurable._runnable(i.concurrency_key, i.rate_limit, false),
                entered = gendurable._entered(i.concurrency_key, i.rate_limit, v_in.run),
                lane = gendurable._lane(
                    (i.lane >> 40)::int, i.priority,
                    case when d.parked then v_in.since else i.eligible_at end, i.id, v_in),
                eligible_at = case when d.parked then v_in.since else i.eligible_at end,
                updated_at = case when d.parked then v_in.since else i.updated_at end
            from due as d
            where i.id = d.id
            returning i.id, i.lane, i.phase, i.concurrency_key, i.rate_limit, d.parked,
                      d.parked and i.correlation_scope is not null as scoped
        )
        select (count(*) filter (where w.parked))::int, array_agg(distinct (w.lane >> 40)::int),
               array_agg(w.concurrency_key) filter (where w.phase = 'held'),
               array_agg(w.rate_limit) filter (where w.phase = 'throttled'),
               array_agg(w.id) filter (where w.scoped)
        into parks, kinds, v_keys, v_rates, v_scoped
        from woken as w;
        -- The caller notifies: a pick takes some of them itself.
        perform gendurable._announce(null, v_keys, v_rates, v_scoped);
        if random() < moved / 1000.0 then
            perform gendurable._move_waits(p_queue);
        end if;
    end if;
end
$$;
comment on function gendurable._wake_due(text) is
    'Moves what has become due in a queue into the ready set; answers how many, how many of them '
    'were parks, their kinds, and whether more may be left.';
