-- The queues in which instances are runnable, in each phase of that status, and why the queue hands
-- none of them out: queue_paused or no_worker; null: it does.
--
-- Locks: none. Plan: instances_ready, walked kind by kind, and instances_waiting, queue by queue.
create function gendurable._runnable_queues()
returns table (phase gendurable.phase, queue text, reason text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
begin
    return query
    with recursive ready (queue) as (
        select ''
        union all
        select q.queue
        from ready as w
        cross join lateral (
            select k.queue from gendurable.kinds as k
            where k.queue > w.queue
              -- (A look-up that is spelt so stays one.)
              and (select true from gendurable.instances as i
                   where i.phase = 'ready'
                     and i.lane >= k.id::bigint << 40 and i.lane < (k.id + 1)::bigint << 40
                   order by i.lane limit 1)
            order by k.queue limit 1
        ) as q
    ), waiting (phase, queue) as (
        select 'ready'::gendurable.phase, ''
        union all
        select q.phase, q.queue
        from waiting as w
        cross join lateral (
            select i.phase, i.queue from gendurable.instances as i
            where (i.phase not in ('ready', 'executing')) is true
              and (i.phase, i.queue) > (w.phase, w.queue) and i.phase < 'executing'
            order by i.phase, i.queue limit 1
        ) as q
    )
    select n.phase, n.queue,
           case when exists (select from gendurable.queues as q
                             where q.name = n.queue and q.paused)
                    then 'queue_paused'
                when not exists (select from public.gd_workers as w
                                 where n.queue = any (w.queues) and w.alive)
                    then 'no_worker'
           end
    from (select 'ready'::gendurable.phase as phase, r.queue from ready as r
          union all
          select w.phase, w.queue from waiting as w) as n
    where n.queue <> '';
end
$$;
comment on function gendurable._runnable_queues()
    is 'The queues in which instances are runnable, and why one hands none out.';
