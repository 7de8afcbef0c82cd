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
begin
    -- Inbox by inbox, whatever the planner thinks of how many signals there are; by their places,
    -- which do not change as long as the instances are locked.
    update gendurable.signals as s
    set presented = (select i.parks from gendurable.instances as i where i.id = s.instance_id)
    where s.ctid = any (array(
        select n.place
        from (select gendurable._inbox_key(i.id, i.inbox) as inbox, i.awaits
              from gendurable.instances as i
              where i.id = any (array(select unnest(p_awaited) intersect select unnest(p_ids)))
              offset 0) as b
        cross join lateral (
            select x.ctid as place from gendurable.signals as x
            where x.inbox = b.inbox and x.name = any (b.awaits) and x.presented is null
            offset 0
        ) as n));
end
$$;
comment on function gendurable._mark_presented(bigint[], bigint[])
    is 'Marks the signals that a pick hands out as awaited.';
