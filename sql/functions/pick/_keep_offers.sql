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
begin
    perform gendurable._enter_ready();
    update gendurable.instances as i
    set phase = 'ready'
    where i.id = any (p_ids);
end
$$;
comment on function gendurable._keep_offers(bigint[])
    is 'Leaves an offer to instances that were given tokens and find no slot in the pick.';
