-- Whether a worker can run one of some kinds, those of a queue alone.
--
-- Locks: none. Writes: nothing.
-- Plan:  workers_pkey; kinds_pkey and machines_pkey, one descent for each kind.
create function gendurable._runs_any(p_worker bigint, p_queue text, p_kinds int[]) returns boolean
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
    return (select not w.declares from gendurable.workers as w where w.id = p_worker)
        or exists (
            select from gendurable.kinds as k
            join gendurable.machines as m
                on m.worker_id = p_worker and m.fsm = k.fsm and m.version = k.fsm_version
               and (m.steps is null or k.step = any (m.steps))
            where k.id = any (p_kinds) and k.queue = p_queue);
end
$$;
comment on function gendurable._runs_any(bigint, text, int[])
    is 'Whether a worker can run one of some kinds of a queue.';
