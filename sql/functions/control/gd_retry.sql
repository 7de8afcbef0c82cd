-- Brings a failed instance back from the archive, to the step that failed or another one, with its
-- state or another one.
--
-- retry x gc: the archived row's lock decides; gc skips it, or this finds it gone, or moved.
-- A child that its parent has counted is not counted again.
-- Locks:  the archived row, waiting for another retry of it; its correlation key.
-- Writes: finished, kept, instances, correlation_keys, doorbells, history,
--         reports.
-- Plan:   as gendurable._archived.
-- Errors: GD001 id missing; GD002 a step that is empty or too long.
--         Warnings: GD101, GD102 (see gendurable._warn_of_rates).
create function public.gd_retry(id bigint, step text default null, state jsonb default null)
returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_now   timestamptz := gendurable._enter_ready();
    v_place regclass;
    v_old   gendurable.finished;
    v_phase gendurable.phase;
begin
    if gendurable._is_open('public.gd_retry(bigint,text,jsonb)') then
        perform gendurable._refuse_open();
    end if;
    if gd_retry.id is null then
        perform gendurable._refuse('GD001', 'id is required',
                                   'Name the failed instance by its id.');
    elsif gd_retry.step is not null then
        perform gendurable._check_name('step', gd_retry.step);
    end if;

    loop
        v_place := (select a.place from gendurable._archived(gd_retry.id) as a);
        exit when v_place is null;
        -- It is not there any more: it was moved or forgotten, or another retry was first.
        execute format('select f.* from %s as f where f.id = $1 for update', v_place)
        into v_old using gd_retry.id;
        exit when v_old.id is not null;
    end loop;
    if v_place is null then
        return case when exists (select from gendurable.instances as i where i.id = gd_retry.id)
                    then 'not_failed' else 'no_target' end;
    elsif not v_old.failed then
        return 'not_failed';
    end if;

    if gendurable._occupies(v_old.correlation_key, v_old.correlation_scope)
       and gendurable._take_key(v_old.correlation_key, v_old.id) <> v_old.id then
        return 'key_taken';
    end if;
    if gd_retry.step is not null then
        -- It was set for the step that failed.
        v_old.rate_limit := null;
        v_old.weight := null;
    end if;
    execute format('delete from %s as f where f.id = $1', v_place) using v_old.id;
    insert into gendurable.instances
        (id, enqueued_at, eligible_at, fence, updated_at,
         phase,
         counted,
         joined,
         step, state, last_error,
         rate_limit, weight, concurrency_key, parent_id,
         round, parent_round,
         ord, priority, fsm_version, fsm,
         queue, correlation_key, correlation_scope, duplicates)
    values
        (v_old.id, v_old.enqueued_at, v_now, v_old.fence, v_now,
         gendurable._runnable(v_old.concurrency_key, v_old.rate_limit, false),
         v_old.parent_id is not null,
         v_old.joined_round is not null and coalesce(gd_retry.step = v_old.step, true),
         coalesce(gd_retry.step, v_old.step), coalesce(gd_retry.state, v_old.state), v_old.error,
         v_old.rate_limit, v_old.weight, v_old.concurrency_key, v_old.parent_id,
         -- The latest batch may have had duplicates alone.
         coalesce(v_old.joined_round, greatest(gendurable._last_round(v_old.id),
                                               (v_old.duplicates -> 0 -> 'round')::int)),
         v_old.parent_round,
         v_old.ord, v_old.priority, v_old.fsm_version, v_old.fsm,
         v_old.queue, v_old.correlation_key, v_old.correlation_scope, v_old.duplicates)
    returning phase into v_phase;
    perform gendurable._note_revived(v_old, gd_retry.step);
    perform gendurable._forget_reports(v_old.id);
    perform gendurable._announce(
        array[v_old.queue],
        case when v_phase = 'held' then array[v_old.concurrency_key] end,
        case when v_phase = 'throttled' then array[v_old.rate_limit] end,
        case when v_old.correlation_scope is not null then array[v_old.id] end);
    if v_old.rate_limit is not null then
        perform gendurable._warn_of_rates(array[v_old.rate_limit],
                                          array[coalesce(v_old.weight, 1)]);
    end if;
    return 'retried';
end
$$;
comment on function public.gd_retry(bigint, text, jsonb)
    is 'Brings a failed instance back; retried, no_target, not_failed or key_taken.';
