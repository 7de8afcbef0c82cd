-- The runs of which the trail of a key does not know what came into a phase, before another one:
-- those from its bound on, and those of transactions that were open for long.
--
-- Locks: none. Writes: nothing.
-- Plan:  instances_keyed_lately or instances_rated_lately, one descent for each run.
create function gendurable._late_runs(p_trail gendurable.key_trails, p_phase gendurable.phase,
                                      p_before bigint default 9223372036854775807)
returns bigint[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
begin
    return array(
        with recursive walk as (
            select n.run
            from gendurable._key_run(p_trail.sort, p_trail.key, p_phase, p_trail.bound) as n
            where n.run < p_before
            union all
            select n.run
            from walk as w
            cross join lateral gendurable._key_run(p_trail.sort, p_trail.key, p_phase,
                                                   w.run + 1) as n
            where n.run < p_before
        )
        select w.run from walk as w
        union
        select gendurable._run(x) from unnest(p_trail.pending) as x);
end
$$;
comment on function gendurable._late_runs(gendurable.key_trails, gendurable.phase, bigint)
    is 'The runs of which a trail of a key does not know what came into a phase.';
