-- Counts finished children, given as the parent and round of each, at their parents' barriers, once
-- for each parent, and wakes a parent whose last child this was.
--
-- last two children in two transactions: the parent's row lock puts them in an order, and the
-- second one sees the first one's count. Where its snapshot is too old to see it (REPEATABLE READ),
-- it finds the row that it would replace deleted, and fails with 40001.
-- Locks:  the caller holds the parents' rows.
-- Writes: countdowns; instances, doorbells, correlation_keys (of those that are woken).
-- Plan:   instances_pkey, countdowns_pkey; of it the newest entry alone, which the older ones
--         follow.
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
    v_since  timestamptz := gendurable._enter_ready();
    v_queues text[];
    v_keys   text[];
    v_scoped bigint[];
begin
    with finished as materialized (
        select c.parent_id, c.round, count(*)::int as children
        from unnest(p_parents, p_rounds) as c (parent_id, round)
        group by c.parent_id, c.round
    ), barriers as materialized (
        select f.parent_id, f.round, f.children, n.pending
        from finished as f
        join gendurable.instances as p on p.id = f.parent_id
        cross join lateral (
            select d.pending from gendurable.countdowns as d
            where d.parent_id = f.parent_id and d.round = f.round
            order by d.parent_id, d.round, d.pending limit 1
        ) as n
        where p.round = f.round and p.phase = 'awaiting_children'
    ), counted as (
        delete from gendurable.countdowns as d
        using barriers as b
        where d.parent_id = b.parent_id and d.round = b.round and d.pending = b.pending
        returning b.parent_id, b.round, b.pending - b.children as pending
    ), lowered as (
        insert into gendurable.countdowns (parent_id, round, pending)
        select c.parent_id, c.round, c.pending from counted as c where c.pending > 0
    ), woken as (
        update gendurable.instances as p
        set joined = true, phase = gendurable._runnable(p.concurrency_key, null, false),
            eligible_at = v_since, updated_at = clock_timestamp()
        from counted as c
        where c.pending = 0 and p.id = c.parent_id
        returning p.id, p.queue, p.concurrency_key, p.correlation_scope
    )
    select array_agg(distinct w.queue),
           array_agg(w.concurrency_key) filter (where w.concurrency_key is not null),
           array_agg(w.id) filter (where w.correlation_scope is not null)
    into v_queues, v_keys, v_scoped
    from woken as w;
    if v_queues is not null then
        perform gendurable._announce(v_queues, v_keys, null, v_scoped);
    end if;
end
$$;
comment on function gendurable._count_down(bigint[], int[])
    is 'Counts finished children at their parents'' barriers.';
