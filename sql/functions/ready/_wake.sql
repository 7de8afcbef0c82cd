-- Wakes instances that are parked on a signal which they have just been sent.
--
-- p_queues are theirs; p_keys and p_scoped are the concurrency keys and the ids with a correlation
-- scope among them, or null.
-- Locks:  the caller holds the instances; then as gendurable._announce.
-- Writes: instances, doorbells, correlation_keys.
-- Plan:   instances_pkey.
create function gendurable._wake(p_ids bigint[], p_queues text[], p_keys text[], p_scoped bigint[])
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_in    gendurable.entrance := gendurable._enter_ready();
    v_kinds int[];
begin
    with woken as (
        update gendurable.instances as i
        set phase = gendurable._runnable(i.concurrency_key, null, false), eligible_at = v_in.since,
            entered = gendurable._entered(i.concurrency_key, null, v_in.run),
            lane = gendurable._lane((i.lane >> 40)::int, i.priority, v_in.since, i.id, v_in),
            signalled = true, updated_at = clock_timestamp()
        where i.id = any (p_ids)
        returning i.lane
    )
    select array_agg(distinct (w.lane >> 40)::int) into v_kinds from woken as w;
    perform gendurable._announce(p_queues, p_keys, null, p_scoped, v_kinds);
end
$$;
comment on function gendurable._wake(bigint[], text[], text[], bigint[]) is
    'Wakes instances that are parked on a signal they were just sent.';
