-- The kinds of a queue that a worker can run: of its machines, those of which it declares the
-- version and the step, or all if it declares nothing.
--
-- Locks: none. Writes: nothing.
-- Plan:  workers_pkey; kinds_key; machines_pkey, one descent for each machine and version.
create function gendurable._kinds(p_worker bigint, p_queue text) returns int[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
begin
    if (select w.declares from gendurable.workers as w where w.id = p_worker) then
        return array(
            select k.id
            from gendurable.machines as m
            join gendurable.kinds as k
                on k.queue = p_queue and k.fsm = m.fsm and k.fsm_version = m.version
               and (m.steps is null or k.step = any (m.steps))
            where m.worker_id = p_worker);
    end if;
    return array(select k.id from gendurable.kinds as k where k.queue = p_queue);
end
$$;
comment on function gendurable._kinds(bigint, text)
    is 'The kinds of a queue that a worker can run.';
