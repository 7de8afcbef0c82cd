-- Whether a worker may pick: it has to be registered, and the call has to make sense. Answers
-- whether its latest pick of this queue came back short (`idle`), and the time of the claims that
-- it may make (`at`): null if it may make none now, because another transaction is forgetting
-- the worker.
--
-- A lease of which more than a third is used is renewed.
-- pick x heartbeat that raises the bound of the worker's claims: no claim has an earlier time than
-- the latest heartbeat that the pick sees, or its bound, whatever the clock says, and the pick
-- looks in a statement that begins with the row in hand. A heartbeat locks the row for an instant
-- (gendurable._is_picking), which is why a second try is made.
-- Locks:  the worker's row FOR KEY SHARE, so that no reaper can forget a worker that is claiming (a
--         claim of a forgotten worker would be stranded until a sweep); never waiting.
-- Writes: leases.
-- Plan:   workers_pkey, leases_pkey.
-- Errors: GD010 the worker is gone; GD002 no queue, or a negative number of slots;
--         GD004 not READ COMMITTED.
create function gendurable._check_in(p_worker bigint, p_queue text, p_slots int,
                                     out idle boolean, out at timestamptz)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_lease interval;
    v_held  boolean;
    v_renew boolean;
begin
    -- Admission counts what others have committed; an older snapshot would count too little.
    if current_setting('transaction_isolation') <> 'read committed' then
        perform gendurable._refuse_isolation();
    end if;
    for v_try in 1 .. 2 loop
        select w.lease into v_lease
        from gendurable.workers as w
        where w.id = p_worker
        for key share skip locked;
        v_held := found;
        exit when v_held;
        if v_try = 1 then
            perform pg_sleep(0.001);
        end if;
    end loop;
    select p_queue = any (l.idle_queues),
           case when v_held then greatest(clock_timestamp(), l.heartbeat_at, l.claims_since) end,
           v_held and clock_timestamp() > l.lease_until - v_lease * (2.0 / 3)
    into idle, at, v_renew
    from gendurable._lease(p_worker) as l;
    if not found then
        perform gendurable._refuse_worker(p_worker);
    end if;
    if coalesce(p_queue, '') = '' or p_slots is null or p_slots < 0 then
        perform gendurable._refuse(
            'GD002',
            format('queue %s, slots %s',
                   case p_queue when '' then 'empty' else coalesce(p_queue, 'null') end,
                   coalesce(p_slots::text, 'null')),
            'Name a queue, and ask for zero slots or more.');
    end if;
    if v_renew then
        perform gendurable._mark_worker(p_worker, p_queue, idle, true);
    end if;
end
$$;
comment on function gendurable._check_in(bigint, text, int)
    is 'Checks that a worker may pick; answers whether its latest pick of the queue was short, and '
       'the time of its claims.';
