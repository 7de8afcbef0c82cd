-- The kinds of entries, in their order; those that are met for the first time are added.
--
-- Locks: none. Writes: kinds. Plan: as gendurable._kind, once for each kind.
create function gendurable._entry_kinds(p_entries gendurable.entry[]) returns int[]
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = on
set enable_sort = on
set jit = off
as $$
begin
    return array(
        with kind as materialized (
            select d.*, gendurable._kind(d.queue, d.fsm, d.fsm_version, d.step) as id
            from (select distinct e.queue, e.fsm, e.fsm_version, e.step
                  from unnest(p_entries) as e) as d
        )
        select k.id
        from rows from (unnest(p_entries)) with ordinality
            as e (ord, id, fsm, fsm_version, state, step, queue, priority, eligible_at,
                  correlation_key, correlation_scope, concurrency_key, rate_limit, weight,
                  parent_id, parent_round, occupant, nth)
        join kind as k on k.queue = e.queue and k.fsm = e.fsm
                      and k.fsm_version = e.fsm_version and k.step = e.step
        order by e.nth);
end
$$;
comment on function gendurable._entry_kinds(gendurable.entry[]) is 'The kinds of entries, in their order.';
