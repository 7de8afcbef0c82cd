-- Of ready instances that the caller has locked, and whose rates' names it has locked: those that
-- may be claimed as far as tokens go, which are drawn. The others leave the ready set.
--
-- Strict order within a key: the most urgent prefix whose cumulative weight fits, and none that is
-- less urgent than one that waits already and can start.
-- two picks x first grant: only the holder of the name's lock reads and writes the bucket, in
-- statements that are younger than the lock.
-- Locks:  none; the caller holds the instances and the names.
-- Writes: buckets, instances, doorbells, limit_trails, key_trails.
-- Plan:   instances_pkey, buckets_pkey, rate_limits_pkey; as gendurable._of_keys for the head of
--         the line, and _startable.
create function gendurable._admit_tokens(p_ids bigint[]) returns bigint[]
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = on
set enable_sort = on
set jit = off
as $$
declare
    -- as in gendurable._candidates
    c_throttled constant gendurable.phase := 'throttled'::gendurable.phase;
    v_now     timestamptz := clock_timestamp();
    v_cap     timestamptz := gendurable._due_cap();
    v_drawn   int;
    v_ids     bigint[];
    v_refused bigint[];
    v_rates   text[];
    v_keys    text[];
begin
    with ranked as materialized (
        select i.id, i.rate_limit, i.concurrency_key, i.priority, i.eligible_at, i.queue,
               i.phase = c_throttled as waits,
               sum(least(coalesce(i.weight, 1), 1e100))
                   over (partition by i.rate_limit
                         order by i.priority, i.eligible_at, i.id) as weight
        from gendurable.instances as i
        where i.id = any (p_ids)
    ), head as materialized (
        -- The first that waits, of each kind; those of the pick may wait as well.
        select h.key, h.kind, h.id, h.priority, h.eligible_at
        from (select array_agg(n.rate_limit) as keys, array_agg(n.own + 1) as each
              from (select r.rate_limit, count(*) filter (where r.waits)::int as own
                    from ranked as r
                    where r.rate_limit is not null
                    group by r.rate_limit) as n) as a
        cross join lateral gendurable._of_keys('tokens', a.keys, 'throttled', 1, a.each) as h
        where h.id <> all (p_ids)
    ), bucket as materialized (
        select r.key, b.*, h.priority, h.eligible_at, h.id
        from (select distinct x.rate_limit as key from ranked as x
              where x.rate_limit is not null) as r
        cross join lateral gendurable._bucket(r.key, v_now) as b
        left join (select distinct on (x.key) x.key, x.priority, x.eligible_at, x.id
                   from head as x
                   where x.kind in (
                       select unnest(gendurable._startable(
                           array(select distinct n.kind from head as n), v_now)))
                   order by x.key, x.priority, x.eligible_at, x.id) as h on h.key = r.key
    ), judged as materialized (
        select r.id, r.rate_limit, r.concurrency_key, r.queue, r.weight, b.tokens,
               b.id is not null and b.due_at is null as unnoted,
               case when r.rate_limit is null then true
                    else coalesce(r.weight <= b.tokens, false)
                         and (b.id is null
                              or (r.priority, r.eligible_at, r.id)
                                 < (b.priority, b.eligible_at, b.id)) end as granted
        from ranked as r
        left join bucket as b on b.key = r.rate_limit
    ), drawn as (
        insert into gendurable.buckets (key, seq, tokens, refilled_at, due_at, full_at)
        select b.key, gendurable._next_seq(b.seq, v_now), b.tokens - d.weight, v_now, b.due_at,
               gendurable._full_at(b.tokens - d.weight, b.allowed, b.period, b.burst, v_now, v_cap)
        from bucket as b
        cross join lateral (
            select coalesce(max(j.weight) filter (where j.granted), 0) as weight
            from judged as j
            where j.rate_limit = b.key
        ) as d
        where b.tokens is not null
        returning 1
    ), replaced as (
        delete from gendurable.buckets as b
        where b.ctid = any (array(select x.place from bucket as x))
    )
    select (select count(*)::int from drawn),
           array_agg(j.id) filter (where j.granted), array_agg(j.id) filter (where not j.granted),
           array_agg(j.rate_limit) filter (
               where not j.granted or j.unnoted
                     or exists (select from gendurable.queues as q
                                where q.name = j.queue and q.max_executing is not null)),
           array_agg(j.concurrency_key) filter (where not j.granted)
    into v_drawn, v_ids, v_refused, v_rates, v_keys
    from judged as j;

    perform gendurable._move_key_trails(
        'tokens', array(select distinct i.rate_limit from gendurable.instances as i
                        where i.id = any (p_ids) and i.rate_limit is not null), p_ids);
    if random() < v_drawn / 500.0 then
        perform gendurable._move_limit_trail();
    end if;
    if v_refused is not null then
        update gendurable.instances as i
        set phase = 'throttled', entered = gendurable._run(pg_current_xact_id())
        where i.id = any (v_refused);
    end if;
    if v_rates is not null then
        -- The line has to be looked at once to learn when it is due, also where those that wait
        -- could not start before (a full queue has a place now); and a slot that one of the refused
        -- was offered is free for others.
        perform gendurable._announce(null, v_keys, v_rates);
    end if;
    return coalesce(v_ids, '{}');
end
$$;
comment on function gendurable._admit_tokens(bigint[])
    is 'Which of the given ready instances may be claimed as far as tokens go; draws them.';
