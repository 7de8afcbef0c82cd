-- Brings a failed instance back from the archive; answers what gd_retry answers.
--
-- p_patience: how long to wait for a transaction that is taking or freeing its correlation key; for
--             one that has the archived row not at all. If that is not long enough it is `busy`.
--             Null: as long as it takes.
-- retry x gc: the archived row's lock decides; gc skips it, or this finds it gone, or moved.
-- A child that its parent has counted is not counted again.
-- Locks:  the archived row; its correlation key.
-- Writes: finished, kept, instances, correlation_keys, doorbells, history, reports.
-- Plan:   as gendurable._archived; correlation_keys_pkey.
-- Errors: none. Warnings: GD101, GD102 (see gendurable._warn_of_rates).
create function gendurable._revive(p_id bigint, p_step text default null,
                                   p_state jsonb default null, p_patience text default null)
returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_in       gendurable.entrance := gendurable._enter_ready();
    v_now      timestamptz := v_in.since;
    v_place    regclass;
    v_old      gendurable.finished;
    v_busy     boolean;
    v_occupant bigint;
    v_phase    gendurable.phase;
    v_kind     int;
begin
    loop
        v_place := (select a.place from gendurable._archived(p_id) as a);
        exit when v_place is null;
        -- It is not there any more: it was moved or forgotten, or another retry was first.
        execute format('select f.* from %s as f where f.id = $1 for update %s', v_place,
                       case when p_patience is not null then 'skip locked' end)
        into v_old using p_id;
        exit when v_old.id is not null;
        if p_patience is not null then
            execute format('select exists (select from %s as f where f.id = $1)', v_place)
            into v_busy using p_id;
            if v_busy then
                return 'busy';
            end if;
        end if;
    end loop;
    if v_place is null then
        return case when exists (select from gendurable.instances as i where i.id = p_id)
                    then 'not_failed' else 'no_target' end;
    elsif not v_old.failed then
        return 'not_failed';
    end if;

    if gendurable._occupies(v_old.correlation_key, v_old.correlation_scope) then
        if p_patience is null then
            v_occupant := gendurable._take_key(v_old.correlation_key, v_old.id);
        else
            perform gendurable._try_take_keys(array[v_old.correlation_key], array[v_old.id],
                                              p_patience);
            v_occupant := (select k.instance_id from gendurable.correlation_keys as k
                           where k.key = v_old.correlation_key);
        end if;
        if v_occupant is null then
            return 'busy';
        elsif v_occupant <> v_old.id then
            return 'key_taken';
        end if;
    end if;
    if p_step is not null then
        -- It was set for the step that failed.
        v_old.rate_limit := null;
        v_old.weight := null;
    end if;
    execute format('delete from %s as f where f.id = $1', v_place) using v_old.id;
    insert into gendurable.instances
        (id, enqueued_at, eligible_at, fence, updated_at,
         lane,
         entered,
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
         gendurable._step_lane(
             v_old.queue, v_old.fsm, v_old.fsm_version, coalesce(p_step, v_old.step),
             v_old.priority, v_now, v_old.id, v_in),
         gendurable._entered(v_old.concurrency_key, v_old.rate_limit, v_in.run),
         gendurable._runnable(v_old.concurrency_key, v_old.rate_limit, false),
         v_old.parent_id is not null,
         v_old.joined_round is not null and coalesce(p_step = v_old.step, true),
         coalesce(p_step, v_old.step), coalesce(p_state, v_old.state), v_old.error,
         v_old.rate_limit, v_old.weight, v_old.concurrency_key, v_old.parent_id,
         -- The latest batch may have had duplicates alone.
         coalesce(v_old.joined_round, greatest(gendurable._last_round(v_old.id),
                                               (v_old.duplicates -> 0 -> 'round')::int)),
         v_old.parent_round,
         v_old.ord, v_old.priority, v_old.fsm_version, v_old.fsm,
         v_old.queue, v_old.correlation_key, v_old.correlation_scope, v_old.duplicates)
    returning phase, (lane >> 40)::int into v_phase, v_kind;
    perform gendurable._note_revived(v_old, p_step);
    perform gendurable._forget_reports(v_old.id);
    perform gendurable._announce(
        array[v_old.queue],
        case when v_phase = 'held' then array[v_old.concurrency_key] end,
        case when v_phase = 'throttled' then array[v_old.rate_limit] end,
        case when v_old.correlation_scope is not null then array[v_old.id] end,
        array[v_kind]);
    if v_old.rate_limit is not null then
        perform gendurable._warn_of_rates(array[v_old.rate_limit],
                                          array[coalesce(v_old.weight, 1)]);
    end if;
    return 'retried';
end
$$;
comment on function gendurable._revive(bigint, text, jsonb, text)
    is 'Brings a failed instance back; retried, no_target, not_failed, key_taken or busy.';
