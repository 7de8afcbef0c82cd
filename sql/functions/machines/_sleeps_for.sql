-- Whether a worker that can run one of some kinds, those of a queue alone, sleeps in that queue.
--
-- It goes from the kinds to the workers that declare them, so that those of other machines, however
-- many sleep, cost next to nothing.
-- Locks: none. Writes: nothing.
-- Plan:  kinds_pkey; machines_newest, one descent for each kind, leases_pkey for each worker that
--        declares it; workers_pkey, all of it, and the leases of those that declare nothing.
create function gendurable._sleeps_for(p_queue text, p_kinds int[]) returns boolean
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
    return exists (
            select from gendurable.kinds as k
            join gendurable.machines as m
                on m.fsm = k.fsm and m.version = k.fsm_version
               and (m.steps is null or k.step = any (m.steps))
            cross join lateral gendurable._lease(m.worker_id) as l
            where k.id = any (p_kinds) and k.queue = p_queue and p_queue = any (l.idle_queues))
        or exists (
            select from gendurable.workers as w
            cross join lateral gendurable._lease(w.id) as l
            where not w.declares and p_queue = any (l.idle_queues));
end
$$;
comment on function gendurable._sleeps_for(text, int[])
    is 'Whether a worker that can run one of some kinds sleeps in their queue.';
