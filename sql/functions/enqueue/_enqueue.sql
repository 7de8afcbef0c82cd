-- Creates instances from checked entries; answers for each entry the instance that now stands for
-- it. Of those with a concurrency key as many are born ready as slots seem to be free, the most
-- urgent; the others wait and ring.
--
-- Locks:  correlation_keys in key order, waiting for whoever is inserting or freeing the same key
--         at this moment. Two batches that name the same new keys in opposite orders both insert in
--         key order, and none waits for a key with a later one in hand.
-- Writes: correlation_keys, instances, doorbells.
-- Plan:   correlation_keys_pkey; what gendurable._estimate_free_slots reads; gendurable.workers, a
--         few rows, read whole.
-- Errors: none of its own (GD000 is how a turn lets go of its keys; it never leaves).
create function gendurable._enqueue(p_entries gendurable.entry[])
returns table (ord int, id bigint, duplicate boolean)
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
    v_entries    gendurable.entry[] := p_entries;
    v_correlated boolean;
    v_keyed      boolean;
    v_limited    boolean;
    v_taken      bigint[];
    -- by ord: may be born ready, because a slot of its concurrency key is free
    v_vacant     boolean[];
    v_now        timestamptz := now();
begin
    -- One look at the batch spares most of them all others.
    select bool_or(e.correlation_key is not null), bool_or(e.concurrency_key is not null),
           bool_or(e.concurrency_key is not null or e.rate_limit is not null)
    into v_correlated, v_keyed, v_limited
    from unnest(p_entries) as e;

    -- A key either becomes ours or has an occupant. The occupant may finish and free the key while
    -- we wait for another one, and somebody may be taking it: to wait for him with later keys in
    -- hand would be a deadlock if he waits for one of those. So let go of all and start over.
    while v_correlated and exists (
        select from unnest(v_entries) as e
        where e.correlation_key is not null
          and (e.correlation_scope is null or 'runnable' = any (e.correlation_scope))
          and e.occupant is null) loop
        begin
            with taken as (
                insert into gendurable.correlation_keys as k (key, instance_id)
                select w.key, w.id
                from (select distinct on (e.correlation_key) e.correlation_key as key, e.id
                      from unnest(v_entries) as e
                      where e.correlation_key is not null
                        and (e.correlation_scope is null or 'runnable' = any (e.correlation_scope))
                      order by e.correlation_key, e.ord) as w
                order by w.key
                on conflict do nothing
                returning k.instance_id
            )
            select array_agg(t.instance_id) into v_taken from taken as t;

            -- Ours before anybody's: an older snapshot still sees the row of the one who has just
            -- freed the key.
            select array_agg(row(e.ord, e.id, e.fsm, e.fsm_version, e.state, e.step, e.queue,
                                 e.priority, e.eligible_at, e.correlation_key, e.correlation_scope,
                                 e.concurrency_key, e.rate_limit, e.weight, e.parent_id,
                                 e.parent_round, k.instance_id)::gendurable.entry)
            into v_entries
            from unnest(p_entries) as e
            left join lateral (
                select o.instance_id
                from gendurable.correlation_keys as o
                where o.key = e.correlation_key
                  and (e.correlation_scope is null or 'runnable' = any (e.correlation_scope))
                order by o.instance_id in (select unnest(v_taken)) desc
                limit 1
            ) as k on true;

            if exists (select from unnest(v_entries) as e
                       where e.correlation_key is not null
                         and (e.correlation_scope is null or 'runnable' = any (e.correlation_scope))
                         and e.occupant is null) then
                raise exception using errcode = 'GD000',
                    message = 'gendurable: a correlation key was freed meanwhile';
            end if;
        exception when sqlstate 'GD000' then
            v_entries := p_entries;
        end;
    end loop;

    if v_keyed then
        v_vacant := array(
            select coalesce(row_number() over (partition by e.concurrency_key
                                               order by e.priority, e.eligible_at, e.ord)
                            <= v.vacant
                            and e.rate_limit is null and e.eligible_at <= v_now
                            and coalesce(e.occupant = e.id, true), false)
            from unnest(v_entries) as e
            left join gendurable._estimate_free_slots(array(
                select distinct k.concurrency_key from unnest(v_entries) as k
                where k.concurrency_key is not null)) as v on v.key = e.concurrency_key
            order by e.ord);
    end if;
    insert into gendurable.instances
        (id, enqueued_at, eligible_at, updated_at, priority,
         phase,
         step, state, rate_limit, weight, concurrency_key, parent_id, parent_round,
         ord, fsm_version, fsm, queue, correlation_key, correlation_scope)
    select e.id, v_now, e.eligible_at, v_now, e.priority,
           case when v_vacant[e.ord] then 'ready'
                else gendurable._runnable(e.concurrency_key, e.rate_limit,
                                          e.eligible_at > v_now) end,
           e.step, e.state, e.rate_limit, nullif(e.weight, 1), e.concurrency_key, e.parent_id,
           e.parent_round, case when e.parent_id is not null then e.ord end,
           e.fsm_version, e.fsm, e.queue, e.correlation_key, e.correlation_scope
    from unnest(v_entries) as e
    where e.occupant is null or e.occupant = e.id;

    if v_limited then
        perform gendurable._ring(array_agg(e.concurrency_key), array_agg(e.rate_limit))
        from unnest(v_entries) as e
        where e.eligible_at <= v_now and coalesce(not v_vacant[e.ord], true);
        perform gendurable._warn_of_rates(array_agg(e.rate_limit), array_agg(e.weight))
        from unnest(v_entries) as e
        where e.rate_limit is not null;
    end if;
    if exists (select from gendurable.workers as w where w.idle_queues <> '{}') then
        perform gendurable._notify(array(select distinct e.queue from unnest(v_entries) as e));
    end if;

    return query
    select e.ord, coalesce(e.occupant, e.id), coalesce(e.occupant <> e.id, false)
    from unnest(v_entries) as e;
end
$$;
comment on function gendurable._enqueue(gendurable.entry[])
    is 'Creates instances from checked entries, resolving correlation keys.';
