-- Commits `await`: parks the instance on a set of names, or lets it go on at once if a signal that
-- it has not been handed is already there.
--
-- park x deliver: the caller locked the row in an earlier statement, and this one reads the inbox
-- with a newer snapshot. A delivery that committed before the lock is seen here; one that comes
-- later waits for the lock and then sees the park.
-- Locks:  the caller holds the instances, and with them their inboxes.
-- Writes: signals, instances. Plan: instances_pkey, signals_pkey.
create function gendurable._apply_await(p_outcomes gendurable.outcome[]) returns void
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
    v_in      gendurable.entrance := gendurable._enter_ready();
    v_queues  text[];
    v_kinds   int[];
    v_watched bigint[];
begin
    if exists (select from unnest(p_outcomes) as o
               where o.kind = 'await' and o.consumed <> '{}') then
        perform gendurable._consume(p_outcomes, 'await');
    end if;
    with parked as (
        update gendurable.instances as i
        set fence = i.fence + 1, updated_at = clock_timestamp(),
            step = coalesce(o.step, i.step), state = coalesce(o.state, i.state),
            fsm_version = coalesce(o.fsm_version, i.fsm_version),
            attempt = 0, parks = i.parks + 1, awaits = o.names, last_error = null, joined = false,
            rate_limit = null, weight = null,
            entered = gendurable._entered(i.concurrency_key, null, v_in.run),
            (phase, eligible_at, lane) = (
                select case when p.answered
                            then gendurable._runnable(i.concurrency_key, null, false)
                            else 'awaiting_signal' end,
                       case when p.answered then v_in.since
                            else coalesce(now() + o.timeout_ms * interval '1 millisecond',
                                          'infinity') end,
                       -- A park waits, also one whose deadline is now.
                       gendurable._step_lane(i.queue, i.fsm,
                                             coalesce(o.fsm_version, i.fsm_version),
                                             coalesce(o.step, i.step), i.priority,
                                             case when p.answered then v_in.since
                                                  else 'infinity' end, i.id, v_in)
                from (select i.signalled and exists (
                          select from gendurable.signals as s
                          where s.inbox = gendurable._inbox_key(i.id, i.inbox)
                            and s.name = any (o.names) and s.presented is null
                      ) as answered offset 0) as p),
            worker_id = null, claimed_at = null
        from unnest(p_outcomes) as o
        where o.kind = 'await' and i.id = o.id and i.fence = o.fence
        returning i.queue, i.lane, i.eligible_at < 'infinity' as due,
                  case when i.watched and i.phase = 'awaiting_signal' then i.id end as watched
    )
    -- A sleeping worker may have to get up earlier than it planned, for the deadline too. gd_commit
    -- rings for the slots that are given up, and sees to the correlation keys.
    select array_agg(distinct p.queue) filter (where p.due),
           array_agg(distinct (p.lane >> 40)::int) filter (where p.due),
           array_agg(p.watched) filter (where p.watched is not null)
    into v_queues, v_kinds, v_watched
    from parked as p;
    perform gendurable._announce(v_queues, p_kinds => v_kinds);
    if v_watched is not null then
        perform gendurable._tell_watchers(v_watched, array_fill('awaiting_signal'::text,
                                                                array[cardinality(v_watched)]));
    end if;
end
$$;
comment on function gendurable._apply_await(gendurable.outcome[])
    is 'Commits outcomes of kind await.';
