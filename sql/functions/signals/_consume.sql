-- Consumes what steps that move on by outcomes of a kind were handed: deletes exactly those
-- signals, and forgets which others had been presented.
--
-- Kind by kind, because what is applied later may still turn out to be invalid or busy, and then
-- its inbox has to be as it was.
-- Locks:  the caller holds the instances, and with them their inboxes.
-- Writes: signals.
-- Plan:   signals_pkey.
create function gendurable._consume(p_outcomes gendurable.outcome[], p_kind text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
begin
    delete from gendurable.signals as s
    using unnest(p_outcomes) as o
    where o.kind = p_kind and s.instance_id = o.id and s.id = any (o.consumed);

    update gendurable.signals as s
    set presented = false
    from unnest(p_outcomes) as o
    where o.kind = p_kind and s.instance_id = o.id and s.presented;
end
$$;
comment on function gendurable._consume(gendurable.outcome[], text)
    is 'Deletes the signals that outcomes of a kind consumed.';
