-- The kinds of entries, in their order; those that are met for the first time are added.
--
-- p_versions: by fsm, the version where an entry leaves it out; else 1.
-- Locks: none. Writes: kinds. Plan: as gendurable._kind, once for each kind.
create function gendurable._entry_kinds(p_entries gendurable.entry[], p_versions jsonb)
returns int[]
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
        with entry as materialized (
            select e.ordinality as nth, e.queue, e.fsm, e.step,
                   coalesce(e.fsm_version, (p_versions ->> e.fsm)::int, 1) as version
            from unnest(p_entries) with ordinality as e
        ), kind as materialized (
            select d.*, gendurable._kind(d.queue, d.fsm, d.version, d.step) as id
            from (select distinct e.queue, e.fsm, e.version, e.step from entry as e) as d
        )
        select k.id
        from entry as e
        join kind as k on k.queue = e.queue and k.fsm = e.fsm
                      and k.version = e.version and k.step = e.step
        order by e.nth);
end
$$;
comment on function gendurable._entry_kinds(gendurable.entry[], jsonb)
    is 'The kinds of entries, in their order.';
