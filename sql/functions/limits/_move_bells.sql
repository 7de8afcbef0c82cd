-- Raises the bound of the runs of doorbells, and notes what it passes over: runs with doorbells,
-- and transactions that have been open for long.
--
-- It does not pass a transaction that began after the latest trail: that one will have ended soon.
-- Where many runs are occupied, by doorbells that stay, these are gathered in the run of this
-- transaction, as far as it can have the locks of their names.
-- p_trail: the one to be, with the id of the one before. p_open: the transactions that were open
--          before this statement, and this one. p_next: none of the others that are open has an
--          earlier id.
-- Locks:  names, those that are free at once. Writes: doorbells.
-- Plan:   doorbells_run, one descent for each run and each kind.
create function gendurable._move_bells(p_trail gendurable.limit_trails, p_open xid8[],
                                       p_next xid8)
returns gendurable.limit_trails
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
    v_trail gendurable.limit_trails := p_trail;
    v_runs  bigint[];
begin
    v_trail.bound := greatest(p_trail.bound, (
        select min(gendurable._run(x)) from unnest(p_open || p_next) as x
        where x >= p_trail.xid));
    v_runs := gendurable._runs_rung(p_trail.bound, v_trail.bound, c_most);
    if cardinality(v_runs) = c_most then
        v_trail.bound := v_runs[c_most];
        v_runs := v_runs[:c_most - 1];
    end if;
    -- What is listed stays so as long as there are doorbells.
    v_trail.runs := array(
        select r
        from (select unnest(p_trail.runs || v_runs) as r
              union
              select gendurable._run(x) from unnest(p_trail.ringing) as x
              where x <> all (p_open)) as k
        where exists (select from gendurable.doorbells as d
                      where d.kind in ('slot', 'tokens', 'concurrency_limit', 'rate_limit')
                        and d.run = k.r)
        order by r);
    v_trail.ringing := array(
        select x from unnest(p_open) as x
        where x < p_trail.xid and gendurable._run(x) < v_trail.bound
          and (gendurable._run(x) >= p_trail.bound or x = any (p_trail.ringing))
        order by x);
    if cardinality(v_trail.runs) >= c_most then
        update gendurable.doorbells as d
        set run = gendurable._run(pg_current_xact_id())
        where d.ctid = any (array(
            select x.ctid from gendurable.doorbells as x
            where x.kind in ('slot', 'tokens', 'concurrency_limit', 'rate_limit')
              and x.run = any (v_trail.runs) and x.rung_by <> pg_current_xact_id()
              and gendurable._lock_name(x.kind, x.key)
            limit 1000));
        -- Listed, if it is below the bound.
        v_trail.runs := array(
            select distinct r from unnest(v_trail.runs
                                          || gendurable._run(pg_current_xact_id())) as r
            where r < v_trail.bound
            order by r);
    end if;
    return v_trail;
end
$$;
comment on function gendurable._move_bells(gendurable.limit_trails, xid8[], xid8)
    is 'Raises the bound of the runs of doorbells.';
