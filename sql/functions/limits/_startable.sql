-- Which of some kinds can start now: a live worker of their queue can run them, and the queue is
-- neither paused nor full.
--
-- Locks: none. Writes: nothing.
-- Plan:  as gendurable._declared and _is_full; kinds_pkey, queues_pkey.
create function gendurable._startable(p_kinds int[], p_now timestamptz) returns int[]
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
        where k.id = any (gendurable._declared(p_kinds, p_now))
          and not exists (select from gendurable.queues as q
                          where q.name = k.queue
                            and (q.paused
                                 or q.max_executing is not null and gendurable._is_full(q.name))));
end
$$;
comment on function gendurable._startable(int[], timestamptz) is
    'Which of some kinds can start now.';
