-- Commits `retry`: the same step again after a delay, one attempt later. What it awaited and what
-- it was handed stays for the redo.
--
-- Locks:  the caller holds the instances. Writes: instances, doorbells. Plan: instances_pkey.
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
    v_since timestamptz := gendurable._enter_ready();
    v_rows  gendurable.runnable_row[];
begin
    with again as (
        update gendurable.instances as i
        set fence = i.fence + 1, updated_at = clock_timestamp(), state = coalesce(o.state, i.state),
            attempt = i.attempt + 1, last_error = o.error,
            phase = gendurable._runnable(i.concurrency_key, i.rate_limit,
                                         coalesce(o.delay_ms > 0, false)),
            eligible_at = v_since
                          + greatest(coalesce(o.delay_ms, 0), 0) * interval '1 millisecond',
            worker_id = null, claimed_at = null
        from unnest(p_outcomes) as o
        where o.kind = 'retry' and i.id = o.id and i.fence = o.fence
        -- gd_commit rings for the slots that are given up, and sees to the correlation keys.
        returning row(i.queue, i.phase, null, i.rate_limit, null)::gendurable.runnable_row as row
    )
    select array_agg(a.row) into v_rows from again as a;
    perform gendurable._announce(v_rows);
end
$$;
comment on function gendurable._apply_retry(gendurable.outcome[])
    is 'Commits outcomes of kind retry.';
