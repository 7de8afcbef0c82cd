-- The kind of a step in a queue; one that is met for the first time is added.
--
-- Locks: none; two transactions may each add one. Writes: kinds. Plan: kinds_key.
create function gendurable._kind(p_queue text, p_fsm text, p_fsm_version int, p_step text)
returns int
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_kind int;
begin
    select k.id into v_kind
    from gendurable.kinds as k
    where k.queue = p_queue and k.fsm = p_fsm and k.step = p_step and k.fsm_version = p_fsm_version
    limit 1;
    if not found then
        insert into gendurable.kinds as k (queue, fsm, fsm_version, step)
        values (p_queue, p_fsm, p_fsm_version, p_step)
        returning k.id into v_kind;
    end if;
    return v_kind;
end
$$;
comment on function gendurable._kind(text, text, int, text) is 'The kind of a step in a queue.';
