-- The places where the ready instances of some kinds may begin.
--
-- Each line from its floor on, with the priorities between it and the next line, and what is before
-- the first line; the gaps that may be occupied; of the runs those that are known to be occupied,
-- those of pending transactions that have ended, and each one from the bound on.
-- Locks: none. Writes: nothing.
-- Plan:  trails_pkey, one descent for each kind; instances_ready, one for each kind and each run.
create function gendurable._places(p_kinds int[]) returns gendurable.place[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
    c_first  constant int := -2147483648;
    c_least  constant bigint := -9223372036854775808;
    v_trails gendurable.trails[];
    v_places gendurable.place[];
    v_runs   bigint[];
    v_odd    boolean;
begin
    select array_agg(t.trail order by k.kind) filter (where t.kind is not null),
           array_agg(row(k.kind::bigint << 40, c_first, timestamptz '-infinity', c_least,
                         (t.lines[1]).priority, null, null)::gendurable.place),
           array_agg(r.lane) filter (where r.lane is not null),
           bool_or(t.gaps <> '{}' or t.runs <> '{}' or t.pending <> '{}')
    into v_trails, v_places, v_runs, v_odd
    from unnest(p_kinds) as k (kind)
    left join lateral (
        select x as trail, x.* from gendurable.trails as x
        where x.kind = k.kind and x.xmin = x.xid::xid
        order by x.kind, x.seq desc
        limit 1
    ) as t on true
    left join lateral (
        select i.lane from gendurable.instances as i
        where i.phase = 'ready'
          and i.lane >= (k.kind::bigint << 40) + greatest(t.bound, 1)
          and i.lane < (k.kind + 1)::bigint << 40
        order by i.lane
        limit 1
    ) as r on true;

    if v_trails is not null then
        v_places := v_places || array(
            select row(t.kind::bigint << 40, l.priority, l.floor_at, l.floor_id,
                       (t.lines[l.nth + 1]).priority, null, null)::gendurable.place
            from unnest(v_trails) as t
            cross join lateral unnest(t.lines) with ordinality
                as l (priority, floor_at, floor_id, sealed_at, sealed_id, cap_at, cap_id, nth));
    end if;
    if v_runs is not null then
        v_places := v_places || array(
            with recursive run (lane) as (
                select r from unnest(v_runs) as r
                union all
                select n.lane
                from run as r
                cross join lateral (
                    select i.lane from gendurable.instances as i
                    where i.phase = 'ready'
                      and i.lane > r.lane and i.lane < ((r.lane >> 40) + 1) << 40
                    order by i.lane
                    limit 1
                ) as n
            )
            select row(r.lane, c_first, timestamptz '-infinity', c_least,
                       null, null, null)::gendurable.place
            from run as r);
    end if;
    if v_odd then
        v_places := v_places || gendurable._odd_places(v_trails);
    end if;
    return coalesce(v_places, '{}');
end
$$;
comment on function gendurable._places(int[])
    is 'The places where the ready instances of some kinds may begin.';
