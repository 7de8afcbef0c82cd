-- Leaves an offer to instances to which gendurable._offer_tokens gave tokens for this pick, and for
-- which it found no slot because of more urgent work.
--
-- gd_pick, which calls, tells of them at its end.
-- Locks:  the caller holds the instances. Writes: instances. Plan: instances_pkey.
create function gendurable._keep_offers(p_ids bigint[]) returns void
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
    update gendurable.instances as i
    set phase = 'ready',
        entered = gendurable._entered(i.concurrency_key, i.rate_limit, v_in.run),
        lane = gendurable._lane((i.lane >> 40)::int, i.priority, i.eligible_at, i.id, v_in)
    where i.id = any (p_ids);
end
$$;
comment on function gendurable._keep_offers(bigint[])
    is 'Leaves an offer to instances that were given tokens and find no slot in the pick.';
