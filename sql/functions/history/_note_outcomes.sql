-- Notes outcomes that are about to be applied, where the level of their fsm asks for it: one insert
-- for all of them.
--
-- p_worker: whose steps they end; null: they are cancellations.
-- p_kinds:  only those of these kinds: as far as it is certain by now that they are applied.
-- Before the outcomes are applied, because a running step began when its instance was last written:
-- by its claim, or by the outcome before it that ran ahead.
-- Locks:  the caller holds the instances. Writes: history. Plan: instances_pkey, workers_pkey.
create function gendurable._note_outcomes(p_outcomes gendurable.outcome[], p_worker bigint,
                                          p_kinds text[])
returns void
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
    v_name   text := (select w.name from gendurable.workers as w where w.id = p_worker);
begin
    insert into gendurable.history
        (instance_id, at, started_at, fence, attempt, event, step, worker, detail)
    select i.id, v_now, case when i.worker_id is not null then i.updated_at end, i.fence, i.attempt,
           case when p_worker is null then 'cancelled' else o.kind end, i.step,
           coalesce(v_name, (select w.name from gendurable.workers as w where w.id = i.worker_id)),
           case o.kind
               when 'next' then jsonb_build_object('to', o.step)
               when 'retry' then o.error
               when 'stop' then case when p_worker is null then o.error - 'kind'
                                     else coalesce(o.error, '{}') end
               when 'await' then jsonb_build_object('names', to_jsonb(o.names))
               when 'schedule_children' then jsonb_build_object(
                   'children', jsonb_array_length(coalesce(o.children, '[]')))
           end
    from unnest(p_outcomes) as o
    join gendurable.instances as i on i.id = o.id
    where o.kind = any (p_kinds)
      and gendurable._is_noted(v_levels, i.fsm,
                               o.kind = 'stop' or o.kind = 'retry' and o.error is not null);
end
$$;
comment on function gendurable._note_outcomes(gendurable.outcome[], bigint, text[])
    is 'Notes outcomes that are about to be applied in the history.';
