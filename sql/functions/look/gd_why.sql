-- Why an instance does not run: all that keeps it from it, the first one first; no row if it is not
-- known (any more). For people: `detail` and `remedy` are sentences.
--
-- reason, what keeps it:
--     done, failed                       it is finished
--     executing, worker_lost             a worker has it; that worker's lease is over
--     awaiting_signal, awaiting_children
--     scheduled                          it is not due yet
--     queue_paused, no_worker, no_machine, queue_limit, unknown_rate_limit, weight_above_burst,
--     concurrency_key                    as in gd_stuck; queue_limit: also if all places are taken
--     rate_limit                         its tokens are not there yet
--     locked                             a transaction has its row locked, so picks pass it over
--     ready                              nothing: it waits for its turn
-- since: since when that is so, as far as that is known.
--
-- Locks: none. Writes: nothing.
-- Plan:  instances_pkey, else as gendurable._archived; then as gendurable._why_claimed,
--        _why_parked, _why_runnable.
create function public.gd_why(target bigint)
returns table (id bigint, reason text, detail text, remedy text, since timestamptz)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_instance gendurable.instances;
    v_finished gendurable.finished;
begin
    if gendurable._is_open('public.gd_why(bigint)') then
        perform gendurable._refuse_open();
    end if;
    select i.* into v_instance from gendurable.instances as i where i.id = gd_why.target;
    if found then
        return query
        select v_instance.id, y.reason, y.detail, y.remedy, y.since
        from gendurable._why_claimed(v_instance) as y
        union all
        select v_instance.id, y.reason, y.detail, y.remedy, y.since
        from gendurable._why_parked(v_instance) as y
        union all
        select v_instance.id, y.reason, y.detail, y.remedy, y.since
        from gendurable._why_runnable(v_instance) as y;
        return;
    end if;
    v_finished := (select a.instance from gendurable._archived(gd_why.target) as a);
    if v_finished.id is null then
        return;
    end if;
    id := v_finished.id;
    reason := case when v_finished.failed then 'failed' else 'done' end;
    detail := case when v_finished.failed
                   then format('It has failed in step %s: %s.', v_finished.step,
                               gendurable._error_line(v_finished.error))
                   else 'It is done.' end;
    remedy := case when v_finished.failed
                   then format('gd_retry(%s) brings it back to that step.', id) end;
    since := v_finished.finished_at;
    return next;
end
$$;
comment on function public.gd_why(bigint) is 'Why an instance does not run, by its id.';

-- The same by correlation key: the occupant, else the newest that carried the key.
create function public.gd_why(target text)
returns table (id bigint, reason text, detail text, remedy text, since timestamptz)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
begin
    if gendurable._is_open('public.gd_why(text)') then
        perform gendurable._refuse_open();
    end if;
    return query
    select y.id, y.reason, y.detail, y.remedy, y.since
    from public.gd_why(gendurable._resolve_key(gd_why.target)) as y;
end
$$;
comment on function public.gd_why(text) is 'Why an instance does not run, by its correlation key.';
