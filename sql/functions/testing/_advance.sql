-- For tests of applications (gendurable.testing.advance): what is stored as a moment moves into the
-- past, as if so much time had gone by. Delays, retries and the deadlines of parks that are over
-- then are due for the next pick. There is no clock to set: this is part of the caller's
-- transaction, and goes with it.
--
-- Leases of workers, claims and the archive stay as they are.
--
-- p_by     moves what instances wait for.
-- p_tokens moves the buckets of rate limits: they refill for so long.
--
-- Locks:  every live instance by id, then every bucket by key.
-- Writes: instances, buckets.
-- Plan:   instances_pkey and buckets_pkey, from one end to the other.
create function gendurable._advance(p_by interval, p_tokens interval) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_in gendurable.entrance := gendurable._enter_ready();
begin
    perform from gendurable.instances as i order by i.id for no key update;
    -- All of them, and not only what waits: the order of picking is kept. What is ready, or
    -- waits, may come to stand below the floor of its line, so it moves to a run.
    update gendurable.instances as i
    set eligible_at = i.eligible_at - p_by, enqueued_at = i.enqueued_at - p_by,
        lane = (i.lane >> 40) << 40 | v_in.run,
        entered = gendurable._entered(i.concurrency_key, i.rate_limit, v_in.run)
    where p_by <> interval '0';

    perform from gendurable.buckets as b order by b.key for no key update;
    update gendurable.buckets as b
    set refilled_at = b.refilled_at - p_tokens, due_at = b.due_at - p_tokens
    where p_tokens <> interval '0';
end
$$;
comment on function gendurable._advance(interval, interval)
    is 'For tests: makes what is stored as a moment so much older.';
