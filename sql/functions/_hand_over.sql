-- Offers the free slots of concurrency keys to those that wait for them: as many as are free, in every queue where some wait, the most urgent first.
--
-- An offer is only a place in the ready set; gd_pick counts again before it admits. So too many offers do no harm, and a slot does not wait for a row
-- in a paused queue.
-- slot freed × rows just held back: see gendurable._ring. Only the holder of the key's lock uses up a handover, and it deletes before it counts,
-- so that what it used up is visible to the count.
-- Locks:  keys by name, those that are free at once (others keep their handover); held instances, skipping locked ones (their key keeps it too).
-- Writes: handovers, instances.
-- Plan:   handovers_key, walked key by key; instances_keyed for every count and every head.
create function gendurable._hand_over() returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_sort = off
set jit = off
as $$
declare
    v_keys   text[];
    v_ids    bigint[];
    v_again  text[];
    v_queues text[];
begin
    with recursive rung as (
        (select h.key from gendurable.handovers as h order by h.key limit 1)
        union all
        select (select h.key from gendurable.handovers as h where h.key > r.key order by h.key limit 1)
        from rung as r
        where r.key is not null
    )
    select array_agg(r.key) into v_keys
    from (select r.key from rung as r where r.key is not null limit 500) as r
    where gendurable._lock_key(r.key);
    if v_keys is null then
        return;
    end if;
    delete from gendurable.handovers as h using unnest(v_keys) as k (key) where h.key = k.key;

    with slots as materialized (
        select k.key, l.most - (select count(*) from (select from gendurable.instances as e
                                                      where e.concurrency_key = k.key and e.phase = 'executing'
                                                      limit l.most) as x) as free
        from unnest(v_keys) as k (key)
        left join gendurable.concurrency_limits as c on c.name = split_part(k.key, ':', 1)
        cross join lateral (select coalesce(c.max_executing, 1) as most) as l
    ), lanes as materialized (
        select s.key, q.queue, s.free - (select count(*) from (select from gendurable.instances as r
                                                               where r.concurrency_key = s.key and r.phase = 'ready' and r.queue = q.queue
                                                               limit s.free) as x) as free
        from slots as s
        cross join lateral (
            with recursive queue as (
                (select h.queue from gendurable.instances as h
                 where h.concurrency_key = s.key and h.phase = 'held' order by h.queue limit 1)
                union all
                select (select h.queue from gendurable.instances as h
                        where h.concurrency_key = s.key and h.phase = 'held' and h.queue > q.queue order by h.queue limit 1)
                from queue as q
                where q.queue is not null
            )
            select q.queue from queue as q where q.queue is not null
        ) as q
        where s.free > 0
    ), offered as materialized (
        select w.id, n.key, n.queue
        from lanes as n
        cross join lateral (
            select h.id from gendurable.instances as h
            where h.concurrency_key = n.key and h.phase = 'held' and h.queue = n.queue
            order by h.priority, h.eligible_at, h.id
            limit greatest(n.free, 0)
            for no key update skip locked
        ) as w
    )
    select array_agg(o.id), array_agg(distinct o.queue),
           -- Fewer than there are slots, though some wait: somebody holds their rows for a moment. Look again.
           (select array_agg(distinct n.key) from lanes as n
            where n.free > (select count(*) from offered as x where x.key = n.key and x.queue = n.queue)
              and exists (select from gendurable.instances as h
                          where h.concurrency_key = n.key and h.phase = 'held' and h.queue = n.queue
                            and h.id not in (select x.id from offered as x)))
    into v_ids, v_queues, v_again
    from offered as o;

    if v_ids is not null then
        update gendurable.instances as i set phase = 'ready' from unnest(v_ids) as o (id) where i.id = o.id;
        perform gendurable._notify(v_queues);
    end if;
    if v_again is not null then
        perform gendurable._ring(v_again);
    end if;
end
$$;
comment on function gendurable._hand_over() is 'Offers free slots of concurrency keys to the instances that wait for them.';
