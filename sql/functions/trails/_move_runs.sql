-- Raises the bound of a kind's runs, and notes what it passes over: runs with instances, and
-- transactions that have been open for long.
--
-- It does not pass a transaction that began after the latest trail: that one will have ended soon.
-- Where too many runs are occupied, which takes instances that starve behind more urgent ones,
-- their instances are gathered in the run of this transaction, a thousand at a time.
-- p_open: the transactions that were open before this statement, and this one. p_next: none of the
--         others that are open has an earlier id.
-- Locks:  the instances that it gathers, never waiting. Writes: instances.
-- Plan:   instances_ready, one descent for each run.
create function gendurable._move_runs(p_trail gendurable.trails, p_open xid8[], p_next xid8)
returns gendurable.trails
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
    c_most  constant int := 32;
    c_lane  constant bigint := p_trail.kind::bigint << 40;
    v_trail gendurable.trails := p_trail;
    v_found bigint[];
begin
    v_trail.bound := greatest(p_trail.bound, (
        select min(gendurable._run(x)) from unnest(p_open || p_next) as x
        where x >= p_trail.xid));
    v_found := gendurable._occupied_runs(c_lane, p_trail.bound, v_trail.bound, c_most);
    if cardinality(v_found) = c_most then
        v_trail.bound := v_found[c_most];
        v_found := v_found[:c_most - 1];
    end if;
    v_trail.runs := array(
        select row(k.lane, f.priority, f.eligible_at, f.id, null, null, null)::gendurable.place
        from (select r.lane, r.priority, r.at, r.id from unnest(p_trail.runs) as r
              union all
              select n.lane, -2147483648, timestamptz '-infinity', -9223372036854775808
              from (select c_lane + r as lane from unnest(v_found) as r
                    union
                    select c_lane + gendurable._run(x) from unnest(p_trail.pending) as x
                    where x <> all (p_open)) as n
              where n.lane not in (select r.lane from unnest(p_trail.runs) as r)) as k
        cross join lateral (
            select i.priority, i.eligible_at, i.id from gendurable.instances as i
            where i.phase = 'ready' and i.lane = k.lane
              and (i.priority, i.eligible_at, i.id) >= (k.priority, k.at, k.id)
            order by i.lane, i.priority, i.eligible_at, i.id
            limit 1
        ) as f);
    v_trail.pending := array(
        select x from unnest(p_open) as x
        where x < p_trail.xid and gendurable._run(x) < v_trail.bound
          and (gendurable._run(x) >= p_trail.bound or x = any (p_trail.pending)));
    -- A run that may still be filled is read from its beginning.
    v_trail.runs := array(
        select case when r.lane - c_lane in (select gendurable._run(x)
                                             from unnest(v_trail.pending) as x)
                    then row(r.lane, -2147483648, timestamptz '-infinity', -9223372036854775808,
                             null, null, null)::gendurable.place
                    else r end
        from unnest(v_trail.runs) as r);
    if cardinality(v_trail.runs) >= c_most then
        update gendurable.instances as i
        set lane = c_lane + gendurable._run(pg_current_xact_id())
        where i.id in (
            select x.id
            from unnest(v_trail.runs) as r
            cross join lateral (
                select f.id from gendurable.instances as f
                where f.phase = 'ready' and f.lane = r.lane
                  and (f.priority, f.eligible_at, f.id) >= (r.priority, r.at, r.id)
                order by f.lane, f.priority, f.eligible_at, f.id
                limit 1000
                for no key update skip locked
            ) as x
            limit 1000);
    end if;
    return v_trail;
end
$$;
comment on function gendurable._move_runs(gendurable.trails, xid8[], xid8)
    is 'Raises the bound of a kind''s runs.';
