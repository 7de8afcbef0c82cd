-- Consumes what steps that move on were handed: deletes exactly those signals, and forgets which others had been presented.
--
-- Locks:  the caller holds the instances, and with them their inboxes. Writes: signals. Plan: signals_pkey.
create function gendurable._consume(p_outcomes gendurable.outcome[]) returns void
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
    where o.kind in ('next', 'schedule_children') and s.instance_id = o.id and s.id = any (o.consumed);

    update gendurable.signals as s
    set presented = false
    from unnest(p_outcomes) as o
    where o.kind in ('next', 'schedule_children') and s.instance_id = o.id and s.presented;
end
$$;
comment on function gendurable._consume(gendurable.outcome[]) is 'Deletes the signals that outcomes consumed.';
