-- How many live instances each queue has in each phase, and since when the oldest of those that can
-- be picked waits.
--
-- Exact while no phase has more than p_most instances. Beyond that a queue is counted as far as the
-- rest of p_most reaches, and at least to a hundredth of it; what has more takes its number from
-- the statistics, if that is larger, and its oldest from gendurable._oldest_ready. So the cost is
-- that of p_most index entries for each phase and of a few descents for each queue, however many
-- instances there are. What is scheduled and due counts as ready.
-- Locks: none.
-- Plan:  instances_ready, walked kind by kind, and instances_waiting, walked queue by queue,
--        without a look at the rows; instances_due for what is due; instances_claims for what is
--        executing.
create function gendurable._depths(p_most int default 100000)
returns table (queue text, phase gendurable.phase, n bigint, oldest timestamptz)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
begin
    return query
    -- `most` is how far a queue is counted: what those before it left.
    with recursive ready (queue, n, oldest, most) as (
        select '', 0::bigint, null::timestamptz, p_most::bigint
        union all
        select q.queue, c.n, c.oldest, m.most
        from ready as w
        cross join lateral (select greatest(w.most - w.n, p_most / 100) as most) as m
        cross join lateral (
            select k.queue from gendurable.kinds as k
            where k.queue > w.queue
            order by k.queue limit 1
        ) as q
        cross join lateral (
            select count(*) as n, min(x.eligible_at) as oldest
            from (select i.eligible_at
                  from gendurable.kinds as k
                  cross join lateral (
                      select r.eligible_at from gendurable.instances as r
                      where r.phase = 'ready'
                        and r.lane >= k.id::bigint << 40 and r.lane < (k.id + 1)::bigint << 40
                      offset 0
                  ) as i
                  where k.queue = q.queue
                  limit m.most + 1) as x
        ) as c
    ), waiting (phase, queue, n, most) as (
        select 'ready'::gendurable.phase, '', 0::bigint, p_most::bigint
        union all
        select q.phase, q.queue, c.n, m.most
        from waiting as w
        cross join lateral (
            select i.phase, i.queue from gendurable.instances as i
            where (i.phase not in ('ready', 'executing')) is true
              and (i.phase, i.queue) > (w.phase, w.queue)
            order by i.phase, i.queue limit 1
        ) as q
        cross join lateral (
            select case when q.phase = w.phase then greatest(w.most - w.n, p_most / 100)
                        else p_most end as most
        ) as m
        cross join lateral (
            select count(*) as n
            from (select from gendurable.instances as i
                  where (i.phase not in ('ready', 'executing')) is true
                    and i.phase = q.phase and i.queue = q.queue
                  limit m.most + 1) as x
        ) as c
    ), due (queue, looked, n, oldest, most) as (
        select '', 0::bigint, 0::bigint, null::timestamptz, p_most::bigint
        union all
        select q.queue, c.looked, c.n, c.oldest, m.most
        from due as w
        cross join lateral (select greatest(w.most - w.looked, p_most / 100) as most) as m
        cross join lateral (
            select i.queue from gendurable.instances as i
            where i.phase in ('scheduled', 'awaiting_signal') and i.eligible_at < 'infinity'
              and i.queue > w.queue
            order by i.queue limit 1
        ) as q
        cross join lateral (
            select count(*) as looked, count(*) filter (where x.phase = 'scheduled') as n,
                   min(x.eligible_at) filter (where x.phase = 'scheduled') as oldest
            from (select i.phase, i.eligible_at from gendurable.instances as i
                  where i.phase in ('scheduled', 'awaiting_signal') and i.eligible_at < 'infinity'
                    and i.queue = q.queue and i.eligible_at <= now()
                  order by i.queue, i.eligible_at
                  limit m.most + 1) as x
        ) as c
    ), counted as (
        select r.queue, 'ready'::gendurable.phase as phase, r.n, r.n > r.most as more,
               case when r.n <= r.most then r.oldest
                    else gendurable._oldest_ready(r.queue)
               end as oldest
        from ready as r
        union all
        select w.queue, w.phase, w.n, w.n > w.most, null from waiting as w
        union all
        select i.queue, 'executing', count(*), false, null
        from gendurable.instances as i
        where i.worker_id is not null and i.phase = 'executing'
        group by i.queue
    ), estimated as materialized (
        -- Asked for only if there is something to estimate.
        select e.phase, e.label, e.n
        from (select where exists (select from counted as c where c.more)) as needed
        cross join gendurable._estimates('instances_by_queue') as e
    )
    select c.queue, c.phase, case when c.more then greatest(c.n, e.n) else c.n end, c.oldest
    from counted as c
    left join estimated as e on c.more and e.phase = c.phase and e.label = c.queue
    where c.n > 0
    union all
    -- They were counted as scheduled above.
    select d.queue, p.phase, p.sign * d.n, d.oldest
    from due as d
    cross join (values ('ready'::gendurable.phase, 1), ('scheduled', -1)) as p (phase, sign)
    where d.n > 0;
end
$$;
comment on function gendurable._depths(int)
    is 'How many live instances each queue has in each phase; beyond a number, an estimate.';
