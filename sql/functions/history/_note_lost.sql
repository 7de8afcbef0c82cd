-- Notes that executions are lost, before their claims are released.
--
-- Locks:  the caller holds the instances. Writes: history. Plan: instances_pkey, workers_pkey.
create function gendurable._note_lost(p_ids bigint[], p_reason text) returns void
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
    insert into gendurable.history
        (instance_id, at, started_at, fence, attempt, event, step, worker, detail)
    select i.id, v_now, i.updated_at, i.fence, i.attempt, 'reaped', i.step, w.name,
           jsonb_build_object('worker', w.name, 'worker_id', i.worker_id, 'reason', p_reason)
    from gendurable.instances as i
    left join gendurable.workers as w on w.id = i.worker_id
    where i.id = any (p_ids) and gendurable._is_noted(v_levels, i.fsm, true);
end
$$;
comment on function gendurable._note_lost(bigint[], text)
    is 'Notes executions that are lost in the history.';
