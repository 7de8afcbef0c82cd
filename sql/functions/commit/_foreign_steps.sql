-- Which of some moves, by ord, lead to a step that the worker does not declare.
--
-- Locks: none. Writes: nothing.
-- Plan:  workers_pkey; machines_pkey, one descent for each machine, version and step.
create function gendurable._foreign_steps(p_worker bigint, p_moves gendurable.move[]) returns int[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = on
set enable_sort = on
set jit = off
as $$
declare
    v_declares boolean := (select w.declares from gendurable.workers as w where w.id = p_worker);
begin
    -- A worker that was forgotten since its commit began runs nothing ahead.
    if v_declares is null then
        return array(select m.ord from unnest(p_moves) as m);
    elsif not v_declares then
        return array[]::int[];
    end if;
    return array(
        with foreign_step as materialized (
            select s.*
            from (select distinct m.fsm, m.fsm_version, m.step
                  from unnest(p_moves) as m
                  where m.may) as s
            where not exists (
                select from gendurable.machines as d
                where d.worker_id = p_worker and d.fsm = s.fsm and d.version = s.fsm_version
                  and (d.steps is null or s.step = any (d.steps)))
        )
        select m.ord
        from foreign_step as f
        join unnest(p_moves) as m
            on m.fsm = f.fsm and m.fsm_version = f.fsm_version and m.step = f.step);
end
$$;
comment on function gendurable._foreign_steps(bigint, gendurable.move[])
    is 'Which moves lead to a step that the worker does not declare.';
