-- The runs from one on and before another one in which there are doorbells, p_most at most.
--
-- Locks: none. Writes: nothing. Plan: doorbells_run, one descent for each run and each kind.
create function gendurable._runs_rung(p_from bigint, p_before bigint, p_most int)
returns bigint[]
language plpgsql stable
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
        with recursive walk (kind, run) as (
            select k.kind, p_from - 1
            from unnest(enum_range(null::gendurable.doorbell_kind)) as k (kind)
            union all
            select w.kind, n.run
            from walk as w
            cross join lateral (
                select d.run from gendurable.doorbells as d
                where d.kind = w.kind and d.run > w.run and d.run < p_before
                order by d.kind, d.run
                limit 1
            ) as n
        )
        select distinct w.run from walk as w where w.run >= p_from order by w.run limit p_most);
end
$$;
comment on function gendurable._runs_rung(bigint, bigint, int)
    is 'The runs in which there are doorbells.';
