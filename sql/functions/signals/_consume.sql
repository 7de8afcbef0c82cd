-- Deletes the signals that outcomes of a kind name as consumed, as far as they are in the inboxes
-- of their own instances. A step that moves on (next, schedule_children) also forgets which others
-- had been presented; await and retry keep that.
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

    if p_kind in ('next', 'schedule_children') then
        update gendurable.signals as s
        set presented = null
        from unnest(p_outcomes) as o
        where o.kind = p_kind and s.instance_id = o.id and s.presented is not null;
    end if;
end
$$;
comment on function gendurable._consume(gendurable.outcome[], text)
    is 'Deletes the signals that outcomes of a kind consumed.';
