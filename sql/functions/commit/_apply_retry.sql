-- Commits `retry`: the same step again after a delay, one attempt later. What it awaited and what
-- it was handed stays for the redo, but for what it consumed.
--
-- Locks:  the caller holds the instances, and with them their inboxes.
-- Writes: signals, instances, doorbells. Plan: instances_pkey, signals_pkey.
create function gendurable._apply_retry(p_outcomes gendurable.outcome[]) returns void
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
    v_in     gendurable.entrance := gendurable._enter_ready();
    v_queues text[];
    v_kinds  int[];
    v_rates  text[];
begin
    if exists (select from unnest(p_outcomes) as o
               where o.kind = 'retry' and o.consumed <> '{}') then
        perform gendurable._consume(p_outcomes, 'retry');
    end if;
    with again as (
        update gendurable.instances as i
        set fence = i.fence + 1, updated_at = clock_timestamp(), state = coalesce(o.state, i.state),
            attempt = i.attempt + 1, last_error = o.error,
            fsm_version = coalesce(o.fsm_version, i.fsm_version),
            phase = gendurable._runnable(
                i.concurrency_key, i.rate_limit,
                coalesce(o.delay_ms * interval '1 millisecond' > '0', false)),
            entered = gendurable._entered(i.concurrency_key, i.rate_limit, v_in.run),
            lane = gendurable._step_lane(
                i.queue, i.fsm, coalesce(o.fsm_version, i.fsm_version), i.step,
                i.priority,
                v_in.since + greatest(coalesce(o.delay_ms, 0), 0) * interval '1 millisecond',
                i.id, v_in),
            eligible_at = v_in.since
                          + greatest(coalesce(o.delay_ms, 0), 0) * interval '1 millisecond',
            worker_id = null, claimed_at = null
        from unnest(p_outcomes) as o
        where o.kind = 'retry' and i.id = o.id and i.fence = o.fence
        returning i.queue, i.lane, i.phase, i.rate_limit
    )
    -- gd_commit rings for the slots that are given up, and sees to the correlation keys.
    select array_agg(distinct a.queue), array_agg(distinct (a.lane >> 40)::int),
           array_agg(a.rate_limit) filter (where a.phase = 'throttled')
    into v_queues, v_kinds, v_rates
    from again as a;
    perform gendurable._announce(v_queues, null, v_rates, p_kinds => v_kinds);
end
$$;
comment on function gendurable._apply_retry(gendurable.outcome[])
    is 'Commits outcomes of kind retry.';
