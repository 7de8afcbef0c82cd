-- Makes parked instances runnable. The caller holds their locks and has seen them parked.
--
-- The names they awaited stay with them: the step is handed those signals, however often it is redone.
-- Writes: instances. Plan: instances_pkey.
create function gendurable._wake(p_ids bigint[]) returns int
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
declare
    v_woken int;
begin
    update gendurable.instances as i
    set phase = 'ready', eligible_at = now(), await_deadline = null, updated_at = now()
    where i.id = any (p_ids);
    get diagnostics v_woken = row_count;
    return v_woken;
end
$$;
comment on function gendurable._wake(bigint[]) is 'Makes parked instances runnable.';
