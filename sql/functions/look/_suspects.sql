-- The runnable instances that may be stuck, place by place, so that a healthy backlog is never
-- read: everything runnable in queues that are paused or without a worker, what no worker of its
-- queue can run, everything held, the lines of rate keys without a policy, weights above the burst.
-- No row comes from two of these places. Of each at most p_most are listed; null: all.
--
-- reason: that of the queue (gendurable._runnable_queues), or no_machine, which comes before
--         queue_limit.
-- Of the rate keys for which instances wait the first 10,000 are looked at. What is scheduled and
-- due in a queue that is served has only not been moved to its line yet, so the first 1,000 of each
-- are looked at.
-- Locks: none.
-- Plan:  instances_ready, instances_waiting, instances_due and instances_rated, walked queue by
--        queue and key by key; instances_weighted. `offset 0` and `limit` keep each look-up a
--        look-up: a join could become a walk through everything.
create function gendurable._suspects(p_most int default null)
returns table (id bigint, fsm text, queue text, step text, phase gendurable.phase,
               concurrency_key text, rate_limit text, weight float8, eligible_at timestamptz,
               reason text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
begin
    return query
    with recursive queues as materialized (
        select q.phase, q.queue, q.reason from gendurable._runnable_queues() as q
    ), foreigners as materialized (
        select f.kind, f.queue from gendurable._foreign_kinds() as f
    ), keys (key, burst, place) as (
        select '', null::float8, 0
        union all
        select n.key, l.burst, k.place + 1
        from keys as k
        cross join lateral (
            select i.rate_limit as key from gendurable.instances as i
            where i.rate_limit is not null and i.phase in ('ready', 'throttled')
              and i.rate_limit > k.key
            order by i.rate_limit limit 1
        ) as n
        left join lateral (
            select x.burst from gendurable.rate_limits as x
            where x.name = gendurable._policy(n.key)
            limit 1
        ) as l on true
        where k.place < 10000
    ), found as (
        select x.*, q.reason
        from queues as q
        cross join lateral (
            select i.*
            from gendurable.kinds as k
            cross join lateral (
                select r.* from gendurable.instances as r
                where r.phase = 'ready'
                  and r.lane >= k.id::bigint << 40 and r.lane < (k.id + 1)::bigint << 40
                offset 0
            ) as i
            where k.queue = q.queue
            limit p_most
        ) as x
        where q.phase = 'ready' and q.reason is not null
        union all
        select x.*, 'no_machine'
        from foreigners as k
        join queues as q on q.queue = k.queue and q.reason is null
        cross join lateral (
            select i.* from gendurable.instances as i
            where i.phase = 'ready'
              and i.lane >= k.kind::bigint << 40 and i.lane < (k.kind + 1)::bigint << 40
            limit p_most
        ) as x
        where q.phase = 'ready'
        union all
        select x.*, 'no_machine'
        from foreigners as k
        join queues as q on q.queue = k.queue and q.reason is null
        cross join lateral (
            select i.* from gendurable.instances as i
            where (i.phase not in ('ready', 'executing')) is true
              and i.phase = q.phase and i.queue = q.queue and (i.lane >> 40)::int = k.kind
            limit p_most
        ) as x
        where q.phase in ('scheduled', 'held', 'throttled')
        union all
        select x.*, q.reason
        from queues as q
        cross join lateral (
            select i.* from gendurable.instances as i
            where (i.phase not in ('ready', 'executing')) is true
              and i.phase = q.phase and i.queue = q.queue
            limit p_most
        ) as x
        where q.phase = 'held' or q.phase = 'throttled' and q.reason is not null
        union all
        select x.*, q.reason
        from queues as q
        cross join lateral (
            select i.* from gendurable.instances as i
            where i.phase in ('scheduled', 'awaiting_signal') and i.eligible_at < 'infinity'
              and i.queue = q.queue and i.eligible_at <= now()
              and i.phase = 'scheduled'
            order by i.queue, i.eligible_at
            limit least(p_most, case when q.reason is null then 1000 end)
        ) as x
        where q.phase = 'scheduled'
        union all
        select x.*, null
        from keys as k
        cross join lateral (
            select i.* from gendurable.instances as i
            where i.rate_limit is not null and i.phase in ('ready', 'throttled')
              and i.rate_limit = k.key
            limit p_most
        ) as x
        join queues as q on q.queue = x.queue and q.phase = x.phase
        where (k.burst is null or k.burst < 1) and q.reason is null
        union all
        select x.*, null
        from keys as k
        cross join lateral (
            select i.* from gendurable.instances as i
            where i.rate_limit is not null and i.weight is not null
              and i.phase in ('ready', 'throttled')
              and i.rate_limit = k.key and i.weight > k.burst
            limit p_most
        ) as x
        join queues as q on q.queue = x.queue and q.phase = x.phase
        where k.burst >= 1 and q.reason is null
    )
    select f.id, f.fsm, f.queue, f.step, f.phase, f.concurrency_key, f.rate_limit, f.weight,
           f.eligible_at,
           case when f.reason = 'queue_limit'
                     and (f.lane >> 40)::int in (select k.kind from foreigners as k)
                then 'no_machine' else f.reason end
    from found as f
    where f.reason is not null
       or (f.lane >> 40)::int not in (select k.kind from foreigners as k);
end
$$;
comment on function gendurable._suspects(int) is 'The runnable instances that may be stuck.';
