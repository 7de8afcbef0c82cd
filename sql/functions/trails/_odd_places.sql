-- The places behind the floors and bounds of trails at which there may be instances: occupied runs,
-- and what transactions that were open for long have left.
--
-- Locks: none. Writes: nothing.
create function gendurable._odd_places(p_trails gendurable.trails[]) returns gendurable.place[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    c_first constant int := -2147483648;
    c_least constant bigint := -9223372036854775808;
    v_now   constant pg_snapshot := pg_current_snapshot();
begin
    return array(
        with gap as (
            select t.kind::bigint << 40 as lane, g.*
            from unnest(p_trails) as t
            cross join lateral unnest(t.gaps) as g
            where g.occupied
               or exists (select from unnest(g.pending) as x
                          where pg_visible_in_snapshot(x, v_now))
        )
        select r
        from unnest(p_trails) as t cross join lateral unnest(t.runs) as r
        union all
        select row(p.lane, c_first, timestamptz '-infinity', c_least,
                   null, null, null)::gendurable.place
        from (select distinct (t.kind::bigint << 40) + gendurable._run(x) as lane
              from unnest(p_trails) as t cross join lateral unnest(t.pending) as x
              where pg_visible_in_snapshot(x, v_now)
                -- else it is listed
                and (t.kind::bigint << 40) + gendurable._run(x)
                    not in (select r.lane from unnest(t.runs) as r)) as p
        union all
        select row(g.lane, g.priority, g.from_at, g.from_id,
                   null, g.until_at, null)::gendurable.place
        from gap as g
        where g.from_at < g.until_at
        union all
        select row(g.lane, g.priority, g.until_at,
                   case when g.from_at = g.until_at then g.from_id else c_least end,
                   null, null, g.until_id)::gendurable.place
        from gap as g);
end
$$;
comment on function gendurable._odd_places(gendurable.trails[])
    is 'The places behind the floors and bounds of trails at which there may be instances.';
