-- The runnable instances that cannot start now, and the first reason that applies.
--
-- What may be stuck is found first, place by place, so that a healthy backlog is never read:
-- everything runnable in queues that are paused or without a worker, everything held, the lines
-- of rate keys without a policy, weights above the burst. Then each of these is judged. Of the
-- rate keys for which somebody waits the first 10,000 are looked at. What is scheduled and due
-- in a queue that is served has only not been moved to its line yet, so the first 1,000 of each
-- are looked at.
-- Locks: none.
-- Plan:  instances_ready, instances_waiting, instances_due and instances_rated, walked queue by
--        queue and key by key; instances_weighted.
create function gendurable._stuck()
returns table (id bigint, fsm text, queue text, step text,
               reason text, detail text, since timestamptz)
language plpgsql stable security definer
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
            select i.queue from gendurable.instances as i
            where i.phase = 'ready' and i.queue > w.queue
            order by i.queue limit 1
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
    ), queues as materialized (
        select n.queue,
               case when exists (select from gendurable.queues as q
                                 where q.name = n.queue and q.paused)
                        then 'queue_paused'
                    when not exists (select from gendurable.workers as w
                                     where n.queue = any (w.queues) and w.lease_until >= now())
                        then 'no_worker'
               end as reason
        from (select r.queue from ready as r union select w.queue from waiting as w) as n
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
    ), suspects as materialized (
        -- No row comes from two of these. `offset 0` keeps each look-up a look-up: a join could
        -- become a walk through everything.
        select x.*
        from queues as q
        cross join lateral (
            select i.* from gendurable.instances as i
            where i.phase = 'ready' and i.queue = q.queue
            offset 0
        ) as x
        where q.reason is not null
        union all
        select x.*
        from waiting as w
        join queues as q on q.queue = w.queue
        cross join lateral (
            select i.* from gendurable.instances as i
            where (i.phase not in ('ready', 'executing')) is true
              and i.phase = w.phase and i.queue = w.queue
            offset 0
        ) as x
        where w.phase = 'held' or w.phase = 'throttled' and q.reason is not null
        union all
        select x.*
        from waiting as w
        join queues as q on q.queue = w.queue
        cross join lateral (
            select i.* from gendurable.instances as i
            where i.phase in ('scheduled', 'awaiting_signal') and i.eligible_at < 'infinity'
              and i.queue = w.queue and i.eligible_at <= now()
              and i.phase = 'scheduled'
            order by i.queue, i.eligible_at
            limit case when q.reason is null then 1000 end
        ) as x
        where w.phase = 'scheduled'
        union all
        select x.*
        from keys as k
        cross join lateral (
            select i.* from gendurable.instances as i
            where i.rate_limit is not null and i.phase in ('ready', 'throttled')
              and i.rate_limit = k.key
            offset 0
        ) as x
        join queues as q on q.queue = x.queue
        where (k.burst is null or k.burst < 1) and q.reason is null
        union all
        select x.*
        from keys as k
        cross join lateral (
            select i.* from gendurable.instances as i
            where i.rate_limit is not null and i.weight is not null
              and i.phase in ('ready', 'throttled')
              and i.rate_limit = k.key and i.weight > k.burst
            offset 0
        ) as x
        join queues as q on q.queue = x.queue
        where k.burst >= 1 and q.reason is null
    ), saturated as materialized (
        select k.key
        from (select distinct i.concurrency_key as key
              from suspects as i
              where i.phase = 'held') as k
        cross join lateral gendurable._capacity(k.key) as c
        where c.free = 0
    ), judged as (
        select i.id, i.fsm, i.queue, i.step, i.concurrency_key, i.rate_limit, i.weight,
               i.eligible_at, l.burst,
               case when q.reason is not null then q.reason
                    when i.rate_limit is not null and l.name is null then 'unknown_rate_limit'
                    when i.rate_limit is not null and coalesce(i.weight, 1) > l.burst
                        then 'weight_above_burst'
                    when i.phase = 'held' and s.key is not null then 'concurrency_key'
               end as reason
        from suspects as i
        join queues as q on q.queue = i.queue
        left join gendurable.rate_limits as l on l.name = gendurable._policy(i.rate_limit)
        left join saturated as s on s.key = i.concurrency_key
        where i.eligible_at <= now()
    )
    select j.id, j.fsm, j.queue, j.step, j.reason,
           case j.reason
               when 'concurrency_key' then j.concurrency_key
               when 'unknown_rate_limit' then j.rate_limit
               when 'weight_above_burst'
                   then format('%s: weight %s, burst %s',
                               j.rate_limit, coalesce(j.weight, 1), j.burst)
               else j.queue
           end,
           j.eligible_at
    from judged as j
    where j.reason is not null
    order by j.eligible_at, j.id;
end
$$;
comment on function gendurable._stuck() is
    'The runnable instances that cannot start now, and why; oldest first.';
