-- Notes that failed instances have been brought back, to the step that failed or another one.
--
-- Locks:  the caller holds the instances. Writes: history. Plan: instances_pkey.
create function gendurable._note_revived(p_ids bigint[]) returns void
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
    v_now    timestamptz := clock_timestamp();
    v_levels jsonb := gendurable._levels();
begin
    insert into gendurable.history (instance_id, at, fence, attempt, event, step)
    select i.id, v_now, i.fence, 0, 'revived', i.step
    from gendurable.instances as i
    where i.id = any (p_ids) and gendurable._is_noted(v_levels, i.fsm, true);
end
$$;
comment on function gendurable._note_revived(bigint[])
    is 'Notes that failed instances have been brought back in the history.';
