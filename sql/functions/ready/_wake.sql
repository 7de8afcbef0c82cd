-- Wakes instances that are parked on a signal which they have just been sent.
--
-- Locks:  the caller holds the instances; then as gendurable._announce.
-- Writes: instances, doorbells, correlation_keys.
-- Plan:   instances_pkey.
create function gendurable._wake(p_ids bigint[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_since timestamptz := gendurable._enter_ready();
    v_rows  gendurable.runnable_row[];
begin
    with woken as (
        update gendurable.instances as i
        set phase = gendurable._runnable(i.concurrency_key, null, false), eligible_at = v_since,
            signalled = true, updated_at = clock_timestamp()
        where i.id = any (p_ids)
        returning row(i.queue, i.phase, i.concurrency_key, null,
                      case when i.correlation_scope is not null then i.id end
                  )::gendurable.runnable_row as row
    )
    select array_agg(w.row) into v_rows from woken as w;
    perform gendurable._announce(v_rows);
end
$$;
comment on function gendurable._wake(bigint[]) is
    'Wakes instances that are parked on a signal they were just sent.';
