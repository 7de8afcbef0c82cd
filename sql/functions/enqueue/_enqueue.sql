-- Creates instances from checked entries; answers for each entry the instance that now stands for
-- it: an occupant of its correlation key makes it a duplicate.
--
-- Locks:  as gendurable._take_entry_keys.
-- Writes: correlation_keys, instances, doorbells.
-- Plan:   correlation_keys_pkey; as gendurable._birth_phases, _newest_versions and
--         _sleeping.
create function gendurable._enqueue(p_entries gendurable.entry[])
returns table (ord int, id bigint, duplicate boolean)
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
    v_in          gendurable.entrance := gendurable._enter_ready();
    v_now         timestamptz := v_in.since;
    v_kinds       int[];
    v_entries     gendurable.entry[] := p_entries;
    v_correlated  boolean;
    v_limited     boolean;
    v_versionless boolean;
    v_versions    jsonb;
    v_phases      gendurable.phase[];
begin
    -- One look at the batch spares most of them all others.
    select bool_or(e.correlation_key is not null),
           bool_or(e.concurrency_key is not null or e.rate_limit is not null),
           bool_or(e.fsm_version is null)
    into v_correlated, v_limited, v_versionless
    from unnest(p_entries) as e;
    if v_correlated then
        v_entries := gendurable._take_entry_keys(p_entries);
    end if;
    if v_versionless then
        v_versions := gendurable._newest_versions(p_entries);
    end if;
    if v_limited then
        v_phases := gendurable._birth_phases(v_entries, v_now);
    end if;

    v_kinds := gendurable._entry_kinds(v_entries, v_versions);
    insert into gendurable.instances
        (id, enqueued_at, eligible_at, updated_at, priority,
         lane,
         entered,
         phase,
         step, state, rate_limit, weight, concurrency_key, parent_id, parent_round,
         ord, fsm_version, fsm, queue, correlation_key, correlation_scope)
    select e.id, v_now, e.eligible_at, v_now, e.priority,
           gendurable._lane(v_kinds[e.ordinality], e.priority, e.eligible_at, e.id, v_in),
           gendurable._entered(e.concurrency_key, e.rate_limit, v_in.run),
           coalesce(v_phases[e.ord], gendurable._runnable(null, null, e.eligible_at > v_now)),
           e.step, e.state, e.rate_limit, nullif(e.weight, 1), e.concurrency_key, e.parent_id,
           e.parent_round, e.place,
           coalesce(e.fsm_version, (v_versions ->> e.fsm)::int, 1), e.fsm,
           e.queue, e.correlation_key, e.correlation_scope
    from unnest(v_entries) with ordinality as e
    where e.occupant is null or e.occupant = e.id;

    if v_limited or exists (select from gendurable._sleeping()) then
        perform gendurable._announce(
            array_agg(distinct e.queue),
            array_agg(e.concurrency_key) filter (where v_phases[e.ord] = 'held'),
            array_agg(e.rate_limit) filter (where v_phases[e.ord] = 'throttled'),
            p_kinds => array_agg(distinct v_kinds[e.ordinality]))
        from unnest(v_entries) with ordinality as e
        where e.occupant is null or e.occupant = e.id;
    end if;
    if v_limited then
        perform gendurable._warn_of_rates(array_agg(e.rate_limit), array_agg(e.weight))
        from unnest(v_entries) as e
        where e.rate_limit is not null;
    end if;

    return query
    select e.ord, coalesce(e.occupant, e.id), coalesce(e.occupant <> e.id, false)
    from unnest(v_entries) as e;
end
$$;
comment on function gendurable._enqueue(gendurable.entry[]) is
    'Creates instances from checked entries; answers which stand for them.';
