-- The runs of a kind, from one on and before another one, in which there are instances; p_most at
-- most.
--
-- Locks: none. Writes: nothing. Plan: instances_ready, one descent for each run.
create function gendurable._occupied_runs(p_lane bigint, p_from bigint, p_before bigint,
                                          p_most int)
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
        with recursive run (lane) as (
            (select i.lane from gendurable.instances as i
             where i.phase = 'ready' and i.lane >= p_lane + p_from and i.lane < p_lane + p_before
             order by i.lane
             limit 1)
            union all
            select n.lane
            from run as r
            cross join lateral (
                select i.lane from gendurable.instances as i
                where i.phase = 'ready' and i.lane > r.lane and i.lane < p_lane + p_before
                order by i.lane
                limit 1
            ) as n
        )
        select r.lane - p_lane from run as r limit p_most);
end
$$;
comment on function gendurable._occupied_runs(bigint, bigint, bigint, int)
    is 'The runs of a kind in which there are instances.';
