-- The kinds of a queue that a worker can run: of its machines, those of which it declares the
-- version and the step, or all if it declares nothing.
--
-- It is inlined. Locks: none. Writes: nothing.
-- Plan:  workers_pkey; kinds_key; machines_pkey, one descent for each machine and version.
create function gendurable._kinds(p_worker bigint, p_queue text) returns setof int
language sql stable
begin atomic
    select k.id
    from gendurable.workers as w
    join gendurable.machines as m on m.worker_id = w.id
    join gendurable.kinds as k
        on k.queue = p_queue and k.fsm = m.fsm and k.fsm_version = m.version
       and (m.steps is null or k.step = any (m.steps))
    where w.id = p_worker and w.declares
    union all
    select k.id
    from gendurable.workers as w
    join gendurable.kinds as k on k.queue = p_queue
    where w.id = p_worker and not w.declares;
end;
comment on function gendurable._kinds(bigint, text)
    is 'The kinds of a queue that a worker can run.';
