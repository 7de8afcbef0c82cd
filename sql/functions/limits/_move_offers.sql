-- Offers tokens to some that wait for them, and takes the offers of others back.
--
-- An instance that is given tokens may have to wait for a slot yet; the slot that was offered to
-- one that loses its tokens is for others. So the concurrency keys of both are rung for.
-- One that waits for a slot has left its line for tokens, and keeps them from none while it waits.
-- So its rate key is rung for: what stands behind it was looked at as if they were drawn.
-- Locks:  the caller holds the instances. Writes: instances, doorbells. Plan: instances_pkey.
create function gendurable._move_offers(p_ids bigint[], p_back bigint[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_queues text[];
    v_kinds  int[];
    v_keys   text[];
    v_freed  text[];
    v_rates  text[];
    v_in     gendurable.entrance;
begin
    if p_back is not null then
        with back as (
            update gendurable.instances as i
            set phase = 'throttled', entered = gendurable._run(pg_current_xact_id())
            where i.id = any (p_back)
            returning i.concurrency_key
        )
        select array_agg(b.concurrency_key) into v_freed
        from back as b
        where b.concurrency_key is not null;
    end if;
    if p_ids is not null then
        v_in := gendurable._enter_ready();
        with offered as (
            update gendurable.instances as i
            set phase = gendurable._runnable(i.concurrency_key, null, false),
                entered = v_in.run,
                lane = gendurable._lane((i.lane >> 40)::int, i.priority, i.eligible_at, i.id, v_in)
            where i.id = any (p_ids)
            returning i.queue, i.lane, i.concurrency_key, i.rate_limit
        )
        select array_agg(distinct o.queue), array_agg(distinct (o.lane >> 40)::int),
               array_agg(o.concurrency_key) filter (where o.concurrency_key is not null),
               array_agg(o.rate_limit) filter (where o.concurrency_key is not null)
        into v_queues, v_kinds, v_keys, v_rates
        from offered as o;
    end if;
    if v_queues is not null or v_freed is not null then
        perform gendurable._announce(v_queues, v_keys || v_freed, v_rates, p_kinds => v_kinds);
    end if;
end
$$;
comment on function gendurable._move_offers(bigint[], bigint[])
    is 'Offers tokens to some that wait for them, and takes the offers of others back.';
