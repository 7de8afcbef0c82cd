-- Commits those outcomes `next` that do not run ahead: each instance is runnable again, in its next
-- step.
--
-- p_ords: which of the outcomes; null: all of kind next.
-- Locks:  the caller holds the instances. Writes: instances, doorbells. Plan: instances_pkey.
-- Errors: none; warnings GD101, GD102 (see gendurable._warn_of_rates).
create function gendurable._put_back(p_outcomes gendurable.outcome[], p_ords int[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
    v_in      gendurable.entrance := gendurable._enter_ready();
    v_queues  text[];
    v_kinds   int[];
    v_keys    text[];
    v_waiting text[];
    v_rates   text[];
    v_weights float8[];
begin
    with moved as (
        update gendurable.instances as i
        set fence = i.fence + 1, updated_at = clock_timestamp(),
            step = o.step, state = coalesce(o.state, i.state), attempt = 0,
            priority = coalesce(o.priority, i.priority),
            fsm_version = coalesce(o.fsm_version, i.fsm_version),
            awaits = null, last_error = null, joined = false,
            rate_limit = o.rate_limit, weight = nullif(o.weight, 1),
            concurrency_key = case when not o.release_key
                                   then coalesce(o.concurrency_key, i.concurrency_key) end,
            phase = gendurable._runnable(
                case when not o.release_key
                     then coalesce(o.concurrency_key, i.concurrency_key) end,
                o.rate_limit, coalesce(o.delay_ms * interval '1 millisecond' > '0', false)),
            entered = gendurable._entered(
                case when not o.release_key
                     then coalesce(o.concurrency_key, i.concurrency_key) end,
                o.rate_limit, v_in.run),
            lane = gendurable._step_lane(
                i.queue, i.fsm, coalesce(o.fsm_version, i.fsm_version), o.step,
                coalesce(o.priority, i.priority),
                v_in.since + greatest(coalesce(o.delay_ms, 0), 0) * interval '1 millisecond',
                i.id, v_in),
            eligible_at = v_in.since
                          + greatest(coalesce(o.delay_ms, 0), 0) * interval '1 millisecond',
            worker_id = null, claimed_at = null
        from unnest(p_outcomes) as o
        where o.kind = 'next' and (p_ords is null or o.ord = any (p_ords))
          and i.id = o.id and i.fence = o.fence
        -- The key that it keeps or leaves is rung by gd_commit, whose slot it was.
        returning i.queue, i.lane, i.phase, o.concurrency_key, i.rate_limit, i.weight
    )
    select array_agg(distinct m.queue), array_agg(distinct (m.lane >> 40)::int),
           array_agg(m.concurrency_key)
               filter (where m.phase = 'held' and m.concurrency_key is not null),
           array_agg(m.rate_limit) filter (where m.phase = 'throttled'),
           array_agg(m.rate_limit) filter (where m.rate_limit is not null),
           array_agg(coalesce(m.weight, 1)) filter (where m.rate_limit is not null)
    into v_queues, v_kinds, v_keys, v_waiting, v_rates, v_weights
    from moved as m;
    perform gendurable._announce(v_queues, v_keys, v_waiting, p_kinds => v_kinds);
    if v_rates is not null then
        perform gendurable._warn_of_rates(v_rates, v_weights);
    end if;
end
$$;
comment on function gendurable._put_back(gendurable.outcome[], int[])
    is 'Commits outcomes of kind next that do not run ahead.';
