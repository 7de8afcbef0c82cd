-- Moves failed instances from a table of the archive back among the live ones: to the step that
-- failed or another one, each with its state or another one.
--
-- A child that its parent has counted is not counted again.
-- Locks:  the caller holds the archived rows, and the correlation keys that they occupy.
-- Writes: finished, kept, instances, correlation_keys, doorbells, history, reports.
-- Plan:   the primary key of the table; instances_pkey, reports_pkey; as gendurable._last_round for
--         those that no join has woken.
-- Errors: none; warnings GD101, GD102 (see gendurable._warn_of_rates).
create function gendurable._bring_back(p_place regclass, p_ids bigint[], p_step text default null,
                                       p_state jsonb default null)
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
    v_in      gendurable.entrance := gendurable._enter_ready();
    v_queues  text[];
    v_kinds   int[];
    v_keys    text[];
    v_waiting text[];
    v_scoped  bigint[];
    v_rates   text[];
    v_weights float8[];
begin
    -- A rate limit was set for the step that failed. The latest batch may have had duplicates
    -- alone.
    execute format($q$
        with gone as (
            delete from %s as f where f.id = any ($1) returning f.*
        )
        insert into gendurable.instances
            (id, enqueued_at, eligible_at, fence, updated_at,
             lane,
             entered,
             phase,
             counted,
             joined,
             step, state, last_error,
             rate_limit, weight, concurrency_key, parent_id,
             round, parent_round,
             ord, priority, fsm_version, fsm,
             queue, correlation_key, correlation_scope, duplicates)
        select g.id, g.enqueued_at, ($2).since, g.fence, ($2).since,
               gendurable._step_lane(g.queue, g.fsm, g.fsm_version, coalesce($3, g.step),
                                     g.priority, ($2).since, g.id, $2),
               gendurable._entered(g.concurrency_key, r.rate_limit, ($2).run),
               gendurable._runnable(g.concurrency_key, r.rate_limit, false),
               g.parent_id is not null,
               g.joined_round is not null and coalesce($3 = g.step, true),
               coalesce($3, g.step), coalesce($4, g.state), g.error,
               r.rate_limit, case when $3 is null then g.weight end, g.concurrency_key,
               g.parent_id,
               coalesce(g.joined_round, greatest(gendurable._last_round(g.id),
                                                 (g.duplicates -> 0 -> 'round')::int)),
               g.parent_round,
               g.ord, g.priority, g.fsm_version, g.fsm,
               g.queue, g.correlation_key, g.correlation_scope, g.duplicates
        from gone as g
        cross join lateral (select case when $3 is null then g.rate_limit end as rate_limit) as r
        $q$, p_place) using p_ids, v_in, p_step, p_state;
    perform gendurable._note_revived(p_ids);
    perform gendurable._forget_reports(p_ids);

    select array_agg(distinct i.queue), array_agg(distinct (i.lane >> 40)::int),
           array_agg(i.concurrency_key) filter (where i.phase = 'held'),
           array_agg(i.rate_limit) filter (where i.phase = 'throttled'),
           array_agg(i.id) filter (where i.correlation_scope is not null),
           array_agg(i.rate_limit) filter (where i.rate_limit is not null),
           array_agg(coalesce(i.weight, 1)) filter (where i.rate_limit is not null)
    into v_queues, v_kinds, v_keys, v_waiting, v_scoped, v_rates, v_weights
    from gendurable.instances as i
    where i.id = any (p_ids);
    perform gendurable._announce(v_queues, v_keys, v_waiting, v_scoped, v_kinds);
    if v_rates is not null then
        perform gendurable._warn_of_rates(v_rates, v_weights);
    end if;
end
$$;
comment on function gendurable._bring_back(regclass, bigint[], text, jsonb)
    is 'Moves failed instances from a table of the archive back among the live ones.';
