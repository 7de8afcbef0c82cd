-- The kinds that no live worker of their queue can run, of queues that have one.
--
-- Locks: none. Plan: kinds and workers, read whole; machines_pkey.
create function gendurable._foreign_kinds() returns table (kind int, queue text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
begin
    return query
    with alive as materialized (
        select w.id, q.queue, x.declares
        from public.gd_workers as w
        join gendurable.workers as x on x.id = w.id
        cross join lateral unnest(w.queues) as q (queue)
        where w.alive
    )
    select k.id, k.queue
    from gendurable.kinds as k
    where k.queue in (select a.queue from alive as a)
      and not exists (
          select from alive as a
          where a.queue = k.queue
            and (not a.declares
                 or exists (select from gendurable.machines as m
                            where m.worker_id = a.id and m.fsm = k.fsm
                              and m.version = k.fsm_version
                              and (m.steps is null or k.step = any (m.steps)))));
end
$$;
comment on function gendurable._foreign_kinds()
    is 'The kinds that no live worker of their queue can run.';
