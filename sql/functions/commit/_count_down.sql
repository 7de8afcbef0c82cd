-- Counts finished children, given as the parent and round of each, at their parents' barriers, with
-- one update for each parent, and wakes a parent whose last child this was.
--
-- last two children in two transactions: the parent's row lock puts them in an order, and the
-- second one sees the first one's count.
-- Locks:  the caller holds the parents' rows.
-- Writes: instances, doorbells, correlation_keys.
-- Plan:   instances_pkey.
create function gendurable._count_down(p_parents bigint[], p_rounds int[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
    v_in     gendurable.entrance := gendurable._enter_ready();
    v_queues text[];
    v_keys   text[];
    v_scoped bigint[];
begin
    with rounds as materialized (
        select c.parent_id, c.round, count(*) as children
        from unnest(p_parents, p_rounds) as c (parent_id, round)
        group by c.parent_id, c.round
    ), counted as (
        update gendurable.instances as p
        set children_pending = p.children_pending - r.children,
            joined = p.children_pending = r.children,
            phase = case when p.children_pending = r.children
                         then gendurable._runnable(p.concurrency_key, null, false)
                         else p.phase end,
            lane = case when p.children_pending = r.children
                        then gendurable._lane((p.lane >> 40)::int, p.priority, v_in.since, p.id,
                                              v_in)
                        else p.lane end,
            eligible_at = case when p.children_pending = r.children then v_in.since
                               else p.eligible_at end,
            updated_at = clock_timestamp()
        from rounds as r
        where p.id = r.parent_id and p.round = r.round and p.phase = 'awaiting_children'
        returning p.id, p.queue, p.joined, p.concurrency_key, p.correlation_scope
    )
    select array_agg(distinct c.queue),
           array_agg(c.concurrency_key) filter (where c.concurrency_key is not null),
           array_agg(c.id) filter (where c.correlation_scope is not null)
    into v_queues, v_keys, v_scoped
    from counted as c
    where c.joined;
    if v_queues is not null then
        perform gendurable._announce(v_queues, v_keys, null, v_scoped);
    end if;
end
$$;
comment on function gendurable._count_down(bigint[], int[])
    is 'Counts finished children at their parents'' barriers.';
