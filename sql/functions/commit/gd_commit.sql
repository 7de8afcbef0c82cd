-- Applies the outcomes of steps, each for itself: only those of claims that this worker holds under
-- the fence that they name.
--
-- The whole story: parse; lock what is ours; apply kind by kind; answer. Once a row is locked and
-- its outcome has been parsed, nothing can fail any more, so no outcome can spoil another one's
-- commit. Every accepted outcome grows the fence, so one that is sent again is stale.
--
-- Locks:  instances by id, then parents by id, all with SKIP LOCKED: what another transaction
--         holds is answered `busy`, for the worker to offer again; so a commit waits for none.
--         Then the keys and the inbox of what it finishes, which the instance's lock protects.
-- Writes: instances, finished, signals, dedup_keys, countdowns, correlation_keys, doorbells,
--         buckets, history.
-- Plan:   instances_pkey for the locks and for every update. The worker is compared in a way that
--         no index serves: a plan that looks for the batch among everything that the worker holds
--         costs ten times as much.
-- Errors: GD002 outcomes is not an array; GD004 not READ COMMITTED.
create function public.gd_commit(worker bigint, outcomes jsonb)
returns table (id bigint, fence bigint, result text, detail text, signals jsonb, children jsonb)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
    c_chain   constant int := 99;
    v_worker  bigint;
    v_all     gendurable.outcome[];
    v_mine    gendurable.outcome[];
    v_ords    int[];
    v_kinds   text[];
    v_moves   gendurable.move[];
    v_children bigint[];    -- that end and are to be counted, and the parent of each
    v_parents  bigint[];
    v_inboxes  boolean;
    v_noted   boolean;
    v_keyed   bigint[];
    v_keys    text[];
    v_scoped  bigint[];
    v_placed  bigint[];     -- that may give a place of a queue with a limit up, and of which
    v_queues  text[];
    v_answers gendurable.answer[] := array[]::gendurable.answer[];
begin
    if gendurable._is_open('public.gd_commit(bigint,jsonb)') then
        perform gendurable._refuse_open();
    end if;
    if current_setting('transaction_isolation') <> 'read committed' then
        perform gendurable._refuse_isolation();
    end if;
    if jsonb_typeof(gd_commit.outcomes) is distinct from 'array' then
        perform gendurable._refuse('GD002',
                                   format('outcomes is %s, not an array',
                                          coalesce(jsonb_typeof(gd_commit.outcomes), 'null')),
                                   'Pass a JSON array of outcome objects.');
    end if;
    v_all := gendurable._parse_outcomes(gd_commit.outcomes);

    -- A worker that was forgotten holds nothing, even where a claim of its could not be released
    -- yet because another transaction had the row locked.
    select w.id into v_worker from gendurable.workers as w where w.id = gd_commit.worker;

    -- Of two outcomes for one claim the first applies; the other one finds the fence grown.
    with claims as materialized (
        select distinct on (o.id, o.fence)
               o.ord, o.id, o.fence, o.kind, o.step, o.priority, o.fsm_version,
               o.concurrency_key, o.release_key,
               o.continue and coalesce(o.delay_ms, 0) <= 0 and o.rate_limit is null as at_once
        from unnest(v_all) as o
        where o.problem is null
        order by o.id, o.fence, o.ord
    ), locked as (
        select c.ord, c.kind, c.id, i.concurrency_key, i.correlation_scope is not null as scoped,
               case when c.kind in ('done', 'stop') and not i.counted
                    then i.parent_id end as parent,
               i.queue, i.fsm, coalesce(c.fsm_version, i.fsm_version) as fsm_version, c.step,
               coalesce(c.priority, i.priority) as priority, i.signalled,
               case when not c.release_key then i.concurrency_key end as kept_key,
               coalesce(c.at_once and i.chain < c_chain
                        and (c.concurrency_key is null or c.concurrency_key = i.concurrency_key),
                        false) as may
        from claims as c
        join gendurable.instances as i on i.id = c.id
        where i.fence = c.fence and coalesce(i.worker_id = v_worker, false)
        order by c.id
        for no key update of i skip locked
    )
    select array_agg(l.ord), array_agg(l.kind), bool_or(l.may and l.signalled),
           array_agg(l.id) filter (where l.parent is not null),
           array_agg(l.parent) filter (where l.parent is not null),
           array_agg(l.id) filter (where l.concurrency_key is not null),
           array_agg(l.concurrency_key) filter (where l.concurrency_key is not null),
           array_agg(l.id) filter (where l.scoped),
           array_agg(row(l.ord, l.queue, l.priority,
                         l.signalled, l.kept_key, l.may,
                         l.fsm, l.fsm_version, l.step)::gendurable.move)
               filter (where l.kind = 'next')
    into v_ords, v_kinds, v_inboxes, v_children, v_parents, v_keyed, v_keys, v_scoped, v_moves
    from locked as l;
    v_mine := case when cardinality(v_ords) = cardinality(v_all) then v_all
                   else array(select o from unnest(v_all) as o where o.ord = any (v_ords)) end;
    if v_children is not null then
        v_mine := gendurable._lock_parents(v_mine, v_children, v_parents);
    end if;
    v_noted := v_kinds && '{retry,stop}'
               or exists (select from gendurable.history_levels as l where l.level = 'steps');

    if exists (select from gendurable.queues as q where q.max_executing is not null) then
        select array_agg(i.id), array_agg(i.queue) into v_placed, v_queues
        from unnest(v_mine) as o
        join gendurable.instances as i on i.id = o.id
        join gendurable.queues as q on q.name = i.queue and q.max_executing is not null;
    end if;

    if v_kinds && '{done,stop}' then
        if v_noted then
            perform gendurable._note_outcomes(v_mine, v_worker, '{done,stop}');
        end if;
        perform gendurable._finish(v_mine);
        -- A child that ends its round early has cancelled the rest of it, of this batch too.
        if v_children is not null and not v_kinds <@ '{done,stop}' then
            v_mine := array(select o from unnest(v_mine) as o
                            where o.kind in ('done', 'stop')
                               or exists (select from gendurable.instances as i
                                          where i.id = o.id));
        end if;
    end if;
    if v_noted and v_kinds && '{next,retry,await}' then
        perform gendurable._note_outcomes(v_mine, v_worker, '{next,retry,await}');
    end if;
    if v_moves is not null then
        v_answers := gendurable._apply_next(v_worker, v_mine, v_moves, v_inboxes);
    end if;
    if 'retry' = any (v_kinds) then
        perform gendurable._apply_retry(v_mine);
    end if;
    if 'await' = any (v_kinds) then
        perform gendurable._apply_await(v_mine);
    end if;
    if 'schedule_children' = any (v_kinds) then
        v_answers := v_answers || gendurable._apply_children(v_mine);
    end if;
    if v_keyed is not null then
        perform gendurable._ring_freed_slots(v_keyed, v_keys);
    end if;
    if v_scoped is not null then
        perform gendurable._sync_keys(v_scoped, '50ms');
    end if;
    if v_placed is not null then
        perform gendurable._announce_places(array(
            select distinct p.queue from unnest(v_placed, v_queues) as p (id, queue)
            where not exists (select from gendurable.instances as i
                              where i.id = p.id and coalesce(i.phase = 'executing', false))));
    end if;

    if cardinality(v_mine) is distinct from cardinality(v_all) then
        v_answers := v_answers || gendurable._unapplied(v_worker, v_all, v_mine);
    end if;

    return query
    select x.id, x.fence, x.result, x.detail, x.signals, null::jsonb
    from (select a.ord, a.id, a.fence, a.result, a.detail, a.signals from unnest(v_answers) as a
          union all
          select o.ord, o.id, o.fence, 'committed', null, null from unnest(v_all) as o
          where o.ord not in (select a.ord from unnest(v_answers) as a)) as x
    order by x.ord;
end
$$;
comment on function public.gd_commit(bigint, jsonb) is
    'Applies the outcomes of steps; one answer for each, in order.';
