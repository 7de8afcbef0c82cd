-- Makes claims runnable again without an outcome.
--
-- p_workers:     whose claims; no others are touched.
-- p_ids:         which of them; null: all.
-- p_lost:        why the execution is lost: attempt grows and last_error says it. Null: the step
--                never ran, attempt stays.
-- p_excused:     the loss does not count against the instance even if the worker held no other.
-- p_eligible_at: null leaves the place in the order of picking as it was.
-- p_claimed_before: only claims picked before this; a claim given up and picked again since the
--                   caller looked is a new one.
--
-- Locks:  instances by id, skipping locked ones: the transaction that holds one is about to commit,
--         cancel or release it.
-- Writes: instances, doorbells, correlation_keys, history.
-- Plan:   as gendurable._claims to find everything of a worker, and to count it; instances_pkey for
--         the locks and the update (`coalesce`: no index serves it).
create function gendurable._release(p_workers bigint[], p_ids bigint[] default null,
                                    p_lost text default null,
                                    p_eligible_at timestamptz default null,
                                    p_claimed_before timestamptz default null,
                                    p_excused boolean default false)
returns int
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
    v_in       gendurable.entrance := gendurable._enter_ready();
    v_ids      bigint[];
    v_locked   bigint[];
    v_released int;
    v_queues   text[];
    v_kinds    int[];
    v_keys     text[];
    v_rates    text[];
    v_scoped   bigint[];
begin
    if p_ids is null then
        v_ids := array(
            select c.id from gendurable._claims(p_workers) as c order by c.id);
    else
        v_ids := array(select distinct c.id from unnest(p_ids) as c (id) order by c.id);
    end if;

    v_locked := array(
        select i.id
        from gendurable.instances as i
        where i.id = any (v_ids) and coalesce(i.worker_id = any (p_workers), false)
          and (p_claimed_before is null or i.claimed_at < p_claimed_before)
        order by i.id
        for no key update skip locked);

    if p_lost is not null then
        perform gendurable._note_lost(v_locked, p_lost);
    end if;
    with held as materialized (
        select c.worker_id, count(*) as claims
        from gendurable._claims(p_workers) as c
        where p_lost is not null
        group by c.worker_id
    ), released as (
        update gendurable.instances as i
        set phase = gendurable._runnable(i.concurrency_key, i.rate_limit,
                                         coalesce(p_eligible_at, i.eligible_at)
                                         > v_in.since),
            entered = gendurable._entered(i.concurrency_key, i.rate_limit, v_in.run),
            lane = gendurable._step_lane(
                i.queue, i.fsm, i.fsm_version, i.step,
                i.priority,
                coalesce(p_eligible_at, i.eligible_at), i.id, v_in),
            eligible_at = coalesce(p_eligible_at, i.eligible_at),
            worker_id = null,
            claimed_at = null,
            attempt = case when p_lost is null then i.attempt else i.attempt + 1 end,
            last_error = case when p_lost is null then i.last_error else gendurable._lost(
                i.last_error, p_lost,
                (select h.claims from held as h where h.worker_id = i.worker_id), p_excused) end,
            updated_at = clock_timestamp()
        where i.id = any (v_locked)
        returning i.id, i.queue, i.lane, i.phase, i.concurrency_key, i.rate_limit,
                  i.correlation_scope
    )
    -- Each gives a slot of its key up, also one that rests.
    select count(*)::int, array_agg(distinct r.queue), array_agg(distinct (r.lane >> 40)::int),
           array_agg(r.concurrency_key) filter (where r.concurrency_key is not null),
           array_agg(r.rate_limit) filter (where r.phase = 'throttled'),
           array_agg(r.id) filter (where r.correlation_scope is not null)
    into v_released, v_queues, v_kinds, v_keys, v_rates, v_scoped
    from released as r;
    perform gendurable._announce(v_queues, v_keys, v_rates, v_scoped, v_kinds);
    if exists (select from gendurable.queues as q where q.max_executing is not null) then
        perform gendurable._announce_places(v_queues);
    end if;
    return v_released;
end
$$;
comment on function gendurable._release(bigint[], bigint[], text, timestamptz, timestamptz, boolean)
    is 'Makes claims runnable again without an outcome.';
