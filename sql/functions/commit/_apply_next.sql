-- Commits `next`: the instance goes to another step, as a runnable row or, where the worker may run
-- ahead, as a claim that goes on.
--
-- Running ahead never changes what runs: it is refused where the row has to wait for something (a
-- delay, a rate limit, a new concurrency key), where a pick would not have chosen it (a paused
-- queue, more urgent work, a limit of zero), and when the chain of steps in this claim is long
-- enough. What fell due since the last pick and is not ready yet counts as far as the first
-- hundred go.
-- Locks:  the caller holds the instances; queues shared (advisory, never waiting), so that no pause
--         is overtaken; then as gendurable._offer_tokens and _offer_slots, never waiting either.
-- Writes: signals, instances, doorbells, buckets. Running ahead is a HOT update.
-- Plan:   instances_pkey; instances_ready for what is more urgent, a range that is empty unless
--         there is such work; instances_due.
create function gendurable._apply_next(p_outcomes gendurable.outcome[], p_moves gendurable.move[])
returns gendurable.answer[]
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_now     timestamptz := clock_timestamp();
    v_ahead   int[];    -- which outcomes, by ord
    v_back    int[];
    v_queues  text[];
    v_keys    text[];
    v_rates   text[];
    v_weights float8[];
    v_inbox   boolean;
    v_answers gendurable.answer[];
begin
    -- What was given a slot or tokens is ready, even if nobody has picked since.
    perform gendurable._answer_doorbells();

    with queue as materialized (
        select m.queue, gendurable._is_paused(m.queue) as paused,
               least((select r.priority from gendurable.instances as r
                      where r.queue = m.queue and r.phase = 'ready' and r.priority < m.priority
                      order by r.queue, r.priority limit 1),
                     (select min(d.priority)
                      from (select s.priority from gendurable.instances as s
                            where s.queue = m.queue and s.phase = 'scheduled'
                              and s.eligible_at < 'infinity' and s.eligible_at <= v_now
                            order by s.queue, s.eligible_at limit 100) as d)) as waiting
        from (select x.queue, max(x.priority) as priority
              from unnest(p_moves) as x
              where x.may
              group by x.queue) as m
    ), decided as materialized (
        select m.ord, m.queue, m.signalled,
               m.may and not q.paused and (q.waiting is null or q.waiting >= m.priority)
               and (m.kept_key is null
                    or (select c.most > 0 from gendurable._capacity(m.kept_key) as c)) as ahead
        from unnest(p_moves) as m
        left join queue as q on q.queue = m.queue
    )
    select array_agg(d.ord) filter (where d.ahead),
           array_agg(d.ord) filter (where d.ahead is not true),
           array_agg(distinct d.queue) filter (where d.ahead is not true),
           bool_or(d.signalled)
    into v_ahead, v_back, v_queues, v_inbox
    from decided as d;

    if v_inbox then
        perform gendurable._consume(p_outcomes, 'next');
    end if;

    if v_ahead is not null then
        with moved as (
            update gendurable.instances as i
            set fence = i.fence + 1, updated_at = v_now,
                step = o.step, state = coalesce(o.state, i.state), attempt = 0,
                chain = i.chain + 1, priority = coalesce(o.priority, i.priority),
                awaits = null, last_error = null, joined = false,
                rate_limit = null, weight = null,
                concurrency_key = case when not o.release_key then i.concurrency_key end
            from unnest(p_outcomes) as o
            where o.kind = 'next' and (v_back is null or o.ord = any (v_ahead))
              and i.id = o.id and i.fence = o.fence
            returning o.ord, i.fence, i.id, i.signalled
        )
        select array_agg(row(
            m.ord, m.id, m.fence, 'continued', null,
            case when m.signalled then gendurable._inbox(m.id) else '[]' end)::gendurable.answer)
        into v_answers
        from moved as m;
    end if;

    if v_back is not null then
        with moved as (
            update gendurable.instances as i
            set fence = i.fence + 1, updated_at = v_now,
                step = o.step, state = coalesce(o.state, i.state), attempt = 0,
                priority = coalesce(o.priority, i.priority),
                awaits = null, last_error = null, joined = false,
                rate_limit = o.rate_limit, weight = nullif(o.weight, 1),
                concurrency_key = case when not o.release_key
                                       then coalesce(o.concurrency_key, i.concurrency_key) end,
                phase = gendurable._runnable(
                    case when not o.release_key
                         then coalesce(o.concurrency_key, i.concurrency_key) end,
                    o.rate_limit, coalesce(o.delay_ms > 0, false)),
                eligible_at = now()
                              + greatest(coalesce(o.delay_ms, 0), 0) * interval '1 millisecond',
                worker_id = null, claimed_at = null
            from unnest(p_outcomes) as o
            where o.kind = 'next' and (v_ahead is null or o.ord = any (v_back))
              and i.id = o.id and i.fence = o.fence
            returning o.concurrency_key, o.rate_limit, o.weight
        )
        select array_agg(m.concurrency_key) filter (where m.concurrency_key is not null),
               array_agg(m.rate_limit) filter (where m.rate_limit is not null),
               array_agg(coalesce(m.weight, 1)) filter (where m.rate_limit is not null)
        into v_keys, v_rates, v_weights
        from moved as m;
        -- The old key is rung by gd_commit, whose slot it was.
        if v_keys is not null or v_rates is not null then
            perform gendurable._ring(v_keys, v_rates);
            perform gendurable._warn_of_rates(v_rates, v_weights);
        end if;
        perform gendurable._notify(v_queues);
    end if;

    return coalesce(v_answers, '{}');
end
$$;
comment on function gendurable._apply_next(gendurable.outcome[], gendurable.move[])
    is 'Commits outcomes of kind next; answers those that run ahead.';
