-- The lane of an instance that this transaction makes ready in a step.
--
-- Locks: none. Writes: kinds. Plan: kinds_key; trails_pkey.
create function gendurable._step_lane(p_queue text, p_fsm text, p_fsm_version int, p_step text,
                                      p_priority int, p_eligible_at timestamptz, p_id bigint,
                                      p_in gendurable.entrance)
returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_kind int := gendurable._kind(p_queue, p_fsm, p_fsm_version, p_step);
begin
    return gendurable._lane(v_kind, p_priority, p_eligible_at, p_id, p_in);
end
$$;
comment on function gendurable._step_lane(text, text, int, text, int, timestamptz, bigint,
                                          gendurable.entrance)
    is 'The lane of an instance that this transaction makes ready in a step.';
