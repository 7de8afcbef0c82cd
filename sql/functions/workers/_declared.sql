-- Which of some kinds a live worker of their queue can run.
--
-- Locks: none. Writes: nothing.
-- Plan:  kinds_pkey; machines_newest, one descent for each kind, and the workers that declare it;
--        workers_pkey, as far as the first that declares nothing; leases_pkey.
create function gendurable._declared(p_kinds int[], p_now timestamptz) returns int[]
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
    return array(
        select k.id
        from gendurable.kinds as k
        where k.id = any (p_kinds)
          and (exists (
                  select from gendurable.machines as m
                  join gendurable.workers as w on w.id = m.worker_id and k.queue = any (w.queues)
                  cross join lateral gendurable._lease(w.id) as l
                  where m.fsm = k.fsm and m.version = k.fsm_version
                    and (m.steps is null or k.step = any (m.steps)) and l.lease_until >= p_now)
               or exists (
                  select from gendurable.workers as w
                  cross join lateral gendurable._lease(w.id) as l
                  where not w.declares and k.queue = any (w.queues) and l.lease_until >= p_now)));
end
$$;
comment on function gendurable._declared(int[], timestamptz) is
    'Which of some kinds a live worker of their queue can run.';
