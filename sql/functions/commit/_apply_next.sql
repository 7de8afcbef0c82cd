-- Commits `next`: the instance goes to another step, as a runnable row or, where the worker may run
-- ahead, as a claim that goes on.
--
-- Running ahead never changes what runs: it is refused where the row has to wait for something (a
-- delay, a rate limit, a new concurrency key), where a pick would not have chosen it (a paused
-- queue, more urgent work that this worker can run, a limit of zero, a step that it does not
-- declare), where its inbox is more than the answer may hold, and when the chain of steps in this
-- claim is long enough. What fell due since the last pick and is not ready yet counts as far as the
-- first hundred go.
-- p_inboxes: one that may run ahead was ever sent a signal.
-- Locks:  the caller holds the instances; queues shared (advisory, never waiting), so that no pause
--         is overtaken; then as gendurable._offer_tokens and _offer_slots, never waiting either.
-- Writes: signals, instances, doorbells, buckets. Running ahead is a HOT update.
-- Plan:   instances_pkey; as gendurable._places and _due_priority for what is more urgent;
--         signals_pkey.
create function gendurable._apply_next(p_worker bigint, p_outcomes gendurable.outcome[],
                                       p_moves gendurable.move[],
                                       p_inboxes boolean default true)
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
    v_tokens  boolean;
    v_slots   boolean;
    v_ahead   int[];    -- which outcomes, by ord
    v_back    int[];
    v_inbox   boolean;
    v_large   int[] := array[]::int[];
    v_foreign int[];
    v_answers gendurable.answer[];
begin
    -- What is owed a slot or tokens is made ready, even if no pick has come since.
    select a.tokens, a.slots into v_tokens, v_slots from gendurable._announced(v_now) as a;
    if v_tokens or v_slots then
        perform gendurable._answer_doorbells(v_tokens);
    end if;
    if p_inboxes then
        v_large := gendurable._large_inboxes(p_outcomes, p_moves);
    end if;

    v_foreign := gendurable._foreign_steps(p_worker, p_moves);

    with queue as materialized (
        select m.queue, k.closed,
               least((select min(h.priority)
                      from unnest(gendurable._heads(array(
                          select p from unnest(gendurable._places(k.kinds)) as p
                          where p.priority < m.priority))) as h),
                     gendurable._due_priority(m.queue, k.kinds, v_now)) as waiting
        from (select x.queue, max(x.priority) as priority
              from unnest(p_moves) as x
              where x.may
              group by x.queue) as m
        cross join lateral gendurable._enter_queue(m.queue, p_worker) as k
    ), decided as materialized (
        select m.ord, m.signalled,
               m.may and m.ord <> all (v_large) and m.ord <> all (v_foreign)
               and not q.closed and (q.waiting is null or q.waiting >= m.priority)
               and (m.kept_key is null
                    or (select c.most > 0 from gendurable._capacity(m.kept_key) as c)) as ahead
        from unnest(p_moves) as m
        left join queue as q on q.queue = m.queue
    )
    select array_agg(d.ord) filter (where d.ahead),
           array_agg(d.ord) filter (where d.ahead is not true),
           bool_or(d.signalled)
    into v_ahead, v_back, v_inbox
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
                fsm_version = coalesce(o.fsm_version, i.fsm_version),
                awaits = null, last_error = null, joined = false,
                rate_limit = null, weight = null,
                concurrency_key = case when not o.release_key then i.concurrency_key end
            from unnest(p_outcomes) as o
            where o.kind = 'next' and (v_back is null or o.ord = any (v_ahead))
              and i.id = o.id and i.fence = o.fence
            returning o.ord, i.fence, i.id, i.signalled,
                      gendurable._inbox_key(i.id, i.inbox) as inbox
        )
        select array_agg(row(
            m.ord, m.id, m.fence, 'continued', null,
            case when m.signalled then gendurable._inbox(m.inbox) else '[]' end)::gendurable.answer)
        into v_answers
        from moved as m;
    end if;

    if v_back is not null then
        perform gendurable._put_back(p_outcomes, case when v_ahead is not null then v_back end);
    end if;
    return coalesce(v_answers, '{}');
end
$$;
comment on function gendurable._apply_next(bigint, gendurable.outcome[], gendurable.move[], boolean)
    is 'Commits outcomes of kind next; answers those that run ahead.';
