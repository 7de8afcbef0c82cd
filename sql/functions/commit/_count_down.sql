-- Counts finished children, given as the parent and round of each and whether it failed, at their
-- parents' barriers, once for each parent, and wakes a parent whose round is over: with its last
-- child, or where the join asks for no more with the first one that failed, or that is done. The
-- rest of such a round is cancelled.
--
-- last two children in two transactions: the parent's row lock puts them in an order, and the
-- second one sees the first one's count. Where its snapshot is too old to see it (REPEATABLE READ),
-- it finds the row that it would replace deleted, and fails with 40001.
-- Locks:  the caller holds the parents' rows; then as gendurable._dismiss, never waiting.
-- Writes: countdowns; instances, doorbells, correlation_keys (of those that are woken); as
--         gendurable._dismiss.
-- Plan:   instances_pkey, countdowns_pkey; of it the newest entry alone, which the older ones
--         follow.
create function gendurable._count_down(p_parents bigint[], p_rounds int[], p_failed boolean[])
returns void
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
    v_in       gendurable.entrance;
    v_barriers bigint[];    -- parents that wait, with the round and how many it waited for
    v_at       int[];
    v_pending  int[];
    v_left     int[];       -- and waits for now; 0: the round is over
    v_kinds    gendurable.join_kind[];
    v_early    bigint[];    -- whose round is over before its last child
    v_rounds   int[];
    v_woken    bigint[];
    v_queues   text[];
    v_ready    int[];       -- kinds
    v_keys     text[];
    v_scoped   bigint[];
begin
    select array_agg(b.parent_id), array_agg(b.round), array_agg(b.pending), array_agg(b.kind),
           array_agg(case when b.early then 0 else b.pending - b.ended end),
           array_agg(b.parent_id) filter (where b.early and b.pending > b.ended),
           array_agg(b.round) filter (where b.early and b.pending > b.ended)
    into v_barriers, v_at, v_pending, v_kinds, v_left, v_early, v_rounds
    from (select c.parent_id, c.round, n.pending, n.kind, c.ended,
                 case n.kind when 'first_failure' then c.failed when 'any' then c.done
                             else false end as early
          from (select x.parent_id, x.round, count(*)::int as ended, bool_or(x.failed) as failed,
                       bool_or(not x.failed) as done
                from unnest(p_parents, p_rounds, p_failed) as x (parent_id, round, failed)
                group by x.parent_id, x.round) as c
          join gendurable.instances as p on p.id = c.parent_id
          cross join lateral (
              select d.pending, d.kind from gendurable.countdowns as d
              where d.parent_id = c.parent_id and d.round = c.round
              order by d.parent_id, d.round, d.pending limit 1
          ) as n
          where p.round = c.round and coalesce(p.phase = 'awaiting_children', false)) as b;
    if v_barriers is null then
        return;
    end if;

    with counted as (
        delete from gendurable.countdowns as d
        using unnest(v_barriers, v_at, v_pending, v_left, v_kinds)
              as b (parent_id, round, pending, left_over, kind)
        where d.parent_id = b.parent_id and d.round = b.round and d.pending = b.pending
        returning b.parent_id, b.round, b.left_over as pending, b.kind
    ), lowered as (
        insert into gendurable.countdowns (parent_id, round, pending, kind)
        select c.parent_id, c.round, c.pending, c.kind from counted as c where c.pending > 0
    )
    select array_agg(c.parent_id) into v_woken from counted as c where c.pending = 0;
    if v_woken is null then
        return;
    end if;

    v_in := gendurable._enter_ready();
    with woken as (
        update gendurable.instances as p
        set joined = true, phase = gendurable._runnable(p.concurrency_key, null, false),
            entered = gendurable._entered(p.concurrency_key, null, v_in.run),
            lane = gendurable._lane((p.lane >> 40)::int, p.priority, v_in.since, p.id, v_in),
            eligible_at = v_in.since, updated_at = clock_timestamp()
        where p.id = any (v_woken)
        returning p.id, p.queue, p.lane, p.concurrency_key, p.correlation_scope
    )
    select array_agg(distinct w.queue), array_agg(distinct (w.lane >> 40)::int),
           array_agg(w.concurrency_key) filter (where w.concurrency_key is not null),
           array_agg(w.id) filter (where w.correlation_scope is not null)
    into v_queues, v_ready, v_keys, v_scoped
    from woken as w;
    perform gendurable._announce(v_queues, v_keys, null, v_scoped, v_ready);
    if v_early is not null then
        perform gendurable._dismiss(v_early, v_rounds);
    end if;
end
$$;
comment on function gendurable._count_down(bigint[], int[], boolean[])
    is 'Counts finished children at their parents'' barriers.';
