-- Cancels instances that the caller has locked, together with the parents that count them; answers
-- how many.
--
-- Locks:  the caller holds the instances and the parents; then as gendurable._finish.
-- Writes: as gendurable._finish; doorbells, history, trails.
-- Plan:   instances_pkey.
create function gendurable._cancel(p_ids bigint[], p_reason text) returns int
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
    v_outcomes gendurable.outcome[];
    v_keys     text[];
    v_rates    text[];
    v_queues   text[];
    v_ready    bigint[];
begin
    select array_agg(jsonb_populate_record(null::gendurable.outcome, jsonb_build_object(
               'id', i.id, 'fence', i.fence, 'kind', 'stop',
               'error', jsonb_build_object('kind', 'cancelled', 'reason', p_reason)))),
           -- A slot or an offer of one, tokens or a place in front of others: another instance may
           -- go on in its stead.
           array_agg(i.concurrency_key)
               filter (where i.phase in ('executing', 'ready') and i.concurrency_key is not null),
           array_agg(i.rate_limit)
               filter (where i.phase in ('ready', 'throttled') and i.rate_limit is not null),
           array_agg(distinct i.queue) filter (where i.phase = 'executing'),
           array_agg(i.id) filter (where i.phase = 'ready')
    into v_outcomes, v_keys, v_rates, v_queues, v_ready
    from gendurable.instances as i
    where i.id = any (p_ids);
    if v_outcomes is null then
        return 0;
    end if;
    -- Many of them would leave as many dead entries where the next picks begin.
    if random() < cardinality(v_ready) / 300.0
       and current_setting('transaction_isolation') = 'read committed' then
        perform gendurable._move_trails(v_ready);
    end if;
    perform gendurable._note_outcomes(v_outcomes, null, '{stop}');
    perform gendurable._finish(v_outcomes);
    if v_keys is not null or v_rates is not null then
        perform gendurable._announce(null, v_keys, v_rates);
    end if;
    if v_queues is not null then
        perform gendurable._announce_places(v_queues);
    end if;
    return cardinality(v_outcomes);
end
$$;
comment on function gendurable._cancel(bigint[], text)
    is 'Cancels instances that the caller has locked; answers how many.';
