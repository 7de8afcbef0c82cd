-- Marks the signals that a pick hands out as awaited, of p_awaited those instances that it claims
-- (p_ids), so that the step does not await them again. The mark is the number of the park, so that
-- a redo of the step finds the same ones to be new.
--
-- Exactly those are marked: nothing can be delivered between this statement and the claim, because
-- a delivery needs the row that is locked here.
-- Locks:  the caller holds the instances, and with them their inboxes. Writes: signals.
-- Plan:   instances_pkey, signals_pkey.
create function gendurable._mark_presented(p_ids bigint[], p_awaited bigint[]) returns void
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
    v_inboxes bigint[] := array(
        select gendurable._inbox_key(i.id, i.inbox)
        from gendurable.instances as i
        where i.id = any (p_awaited) and i.id = any (p_ids));
begin
    update gendurable.signals as s
    set presented = i.parks
    from gendurable.instances as i
    where i.id = any (p_awaited) and i.id = any (p_ids)
      and s.inbox = any (v_inboxes) and s.inbox = gendurable._inbox_key(i.id, i.inbox)
      and s.name = any (i.awaits) and s.presented is null;
end
$$;
comment on function gendurable._mark_presented(bigint[], bigint[])
    is 'Marks the signals that a pick hands out as awaited.';
