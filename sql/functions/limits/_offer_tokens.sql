-- Offers the tokens of rate limits to those that wait for them: the most urgent prefix of each line
-- that fits, and notes when the next one will.
--
-- An offer is only a place in the ready set; gd_pick draws the tokens, and counts again. An offer
-- that no pick has taken up is taken back for a more urgent instance. Of p_queue, those that need
-- no slot are for the pick that calls: the first p_slots are answered, locked and as they are, and
-- it claims them at once; for the others the line is looked at again.
-- Locks:  keys by name, those that are free at once; instances that move, skipping locked ones
--         (their line is looked at again).
-- Writes: doorbells, buckets, instances.
-- Plan:   doorbells_key, buckets_due; then as gendurable._choose_token_offers.
create function gendurable._offer_tokens(p_queue text default null, p_slots int default 0,
                                         out mine bigint[])
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = on
set enable_sort = on
set jit = off
as $$
declare
    v_now    timestamptz := clock_timestamp();
    v_keys   text[];
    v_rings  tid[];
    v_offers record;
begin
    select r.keys, r.rings into v_keys, v_rings
    from gendurable._answerable_doorbells('tokens', 500) as r;
    v_keys := array(
        select unnest(v_keys)
        union
        select b.key
        from (select x.key from gendurable.buckets as x
              where x.due_at <= v_now
              order by x.due_at
              limit 500) as b
        where gendurable._lock_name('tokens', b.key));
    if v_keys = '{}' then
        return;
    end if;

    -- How far into a line one look goes. Five thousand of all lines together are a tenth of a
    -- second for the pick that looks; of a line that goes on there is more in the next one.
    select o.* into v_offers from gendurable._choose_token_offers(
        v_keys, p_queue, p_slots,
        least(greatest(100, least(p_slots, 10000)),
              greatest(10, greatest(5000, 2 * p_slots) / cardinality(v_keys))),
        v_now) as o;
    mine := v_offers.mine;
    perform gendurable._move_offers(v_offers.ids, v_offers.back);
    perform gendurable._clear_doorbells('tokens', v_rings, v_offers.again);
end
$$;
comment on function gendurable._offer_tokens(text, int)
    is 'Offers tokens of rate limits to the instances that wait for them.';
