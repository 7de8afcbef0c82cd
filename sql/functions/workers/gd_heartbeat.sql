-- Renews a worker's lease and compares what it believes to hold with what the database says.
--
-- Answers which of `claims` are no longer this worker's. Where `claims` is given it is the whole
-- truth: a claim that the database knows, that was picked before the previous heartbeat and is not
-- listed, was handed out in an answer that never arrived, and is made runnable again. "Before the
-- previous heartbeat" leaves a pick that is in flight beside this call at least one whole interval
-- to arrive.
--
-- What the worker once held leaves dead entries in instances_claims. So a heartbeat also raises the
-- bound from which on all look (gendurable._claims): to the earliest claim of before the
-- previous heartbeat, or to that heartbeat if there is none.
-- pick x heartbeat that raises: a pick claims with the time of the latest heartbeat that it sees at
-- least (gendurable._check_in). One that is in flight may have seen an earlier one: then the bound
-- stays (gendurable._is_picking). One that begins later sees the previous heartbeat, and one that
-- has ended is seen by the statement that follows. An older snapshot (REPEATABLE READ) may not show
-- it, so there the bound stays too.
-- Locks:  the worker's row, waiting only for its own pick or another heartbeat; then claims by id
--         (see gendurable._release).
-- Writes: leases; instances when something is given back.
-- Plan:   workers_pkey, leases_pkey; instances_claims from the bound to the previous heartbeat;
--         instances_pkey, one descent for each of `claims`.
-- Errors: GD010 the worker is gone.
create function public.gd_heartbeat(worker bigint, claims bigint[] default null)
returns table (lost bigint)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
    v_now      timestamptz := clock_timestamp();
    v_lease    interval;
    v_before   gendurable.leases;
    v_quiet    boolean;
    v_first    timestamptz;
    v_missing  bigint[];
begin
    if gendurable._is_open('public.gd_heartbeat(bigint,bigint[])') then
        perform gendurable._refuse_open();
    end if;
    select w.lease into v_lease
    from gendurable.workers as w
    where w.id = gd_heartbeat.worker
    for no key update;
    if not found then
        perform gendurable._refuse_worker(gd_heartbeat.worker);
    end if;
    -- In a statement of its own: the lock may have been waited for.
    select l.* into v_before from gendurable._lease(gd_heartbeat.worker) as l;
    v_quiet := current_setting('transaction_isolation') = 'read committed'
               and not gendurable._is_picking(gd_heartbeat.worker);
    v_first := (
        select i.claimed_at
        from gendurable.instances as i
        where i.worker_id = gd_heartbeat.worker
          and i.claimed_at >= v_before.claims_since and i.claimed_at < v_before.heartbeat_at
        order by i.worker_id, i.claimed_at
        limit 1);
    perform gendurable._renew(
        gd_heartbeat.worker, p_until => v_now + v_lease, p_heartbeat_at => v_now,
        p_claims_since => case when v_quiet then coalesce(v_first, v_before.heartbeat_at) end);

    if gd_heartbeat.claims is null then
        return;
    end if;

    if v_first is not null then
        v_missing := array(
            select i.id from gendurable.instances as i
            where i.worker_id = gd_heartbeat.worker
              and i.claimed_at >= v_first and i.claimed_at < v_before.heartbeat_at
            except
            select c from unnest(gd_heartbeat.claims) as c);
    end if;
    if cardinality(v_missing) > 0 then
        perform gendurable._release(
            array[gd_heartbeat.worker], v_missing, 'the worker does not know of this claim',
            p_claimed_before => v_before.heartbeat_at, p_excused => true);
    end if;

    return query
    select distinct c
    from unnest(gd_heartbeat.claims) as c
    where c is not null
      and not exists (select from gendurable.instances as i
                      where i.id = c and coalesce(i.worker_id = gd_heartbeat.worker, false));
end
$$;
comment on function public.gd_heartbeat(bigint, bigint[])
    is 'Renews a worker''s lease; answers which of the given claims it has lost.';
