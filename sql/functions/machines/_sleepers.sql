-- The workers that sleep in a queue and can run one of some kinds, those of the queue alone.
--
-- It goes from the kinds to the workers that declare them, so that those of other machines, however
-- many sleep, cost next to nothing. It is inlined.
-- Locks: none. Writes: nothing.
-- Plan:  kinds_pkey; machines_newest, one descent for each kind, leases_pkey for each worker that
--        declares it; workers_pkey, all of it, and the leases of those that declare nothing.
create function gendurable._sleepers(p_queue text, p_kinds int[])
returns table (worker_id bigint)
language sql stable
begin atomic
    select m.worker_id
    from gendurable.kinds as k
    join gendurable.machines as m
        on m.fsm = k.fsm and m.version = k.fsm_version
       and (m.steps is null or k.step = any (m.steps))
    cross join lateral gendurable._lease(m.worker_id) as l
    where k.id = any (p_kinds) and k.queue = p_queue and p_queue = any (l.idle_queues)
    union all
    select w.id
    from gendurable.workers as w
    cross join lateral gendurable._lease(w.id) as l
    where not w.declares and p_queue = any (l.idle_queues);
end;
comment on function gendurable._sleepers(text, int[])
    is 'The workers that sleep in a queue and can run one of some kinds.';
