-- The next p_most instances of several places, and from where on there may be more
-- (gendurable._beyond; null: nowhere).
--
-- It looks without locks and not far into each place, so it may find fewer than p_most: then the
-- caller goes on from there. Of a place that goes on no more is known than its last instance
-- here, so what is less urgent than that waits.
-- Locks: none. Writes: nothing.
-- Plan:  instances_ready, as many entries as p_most and a few for each place.
create function gendurable._nearest(p_places gendurable.place[], p_most int,
                                    out rows tid[], out priority int,
                                    out at timestamptz, out id bigint)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_sort = off
set jit = off
as $$
declare
    -- They have about as much to give.
    v_each constant int := least(p_most, 6 + 3 * (p_most / (2 * cardinality(p_places) + 1)));
    v_last record;
begin
    with ahead as materialized (
        select x.*, row_number() over (partition by p.ordinality) as nth
        from unnest(p_places) with ordinality as p
        cross join lateral gendurable._ahead(p.lane, p.priority, p.at, p.id, p.until_priority,
                                             v_each) as x
        where p.until_at is null and p.until_id is null
        union all
        select x.*, row_number() over (partition by p.ordinality)
        from unnest(p_places) with ordinality as p
        cross join lateral gendurable._ahead_in_gap(p.lane, p.priority, p.at, p.id, p.until_at,
                                                    p.until_id, v_each) as x
        where p.until_at is not null or p.until_id is not null
    ), bound as materialized (
        select a.priority, a.eligible_at, a.id
        from ahead as a
        where a.nth = v_each
        order by a.priority, a.eligible_at, a.id
        limit 1
    ), near as materialized (
        select a.place, a.priority, a.eligible_at, a.id
        from ahead as a
        left join bound as b on true
        where (a.priority, a.eligible_at, a.id) <= (b.priority, b.eligible_at, b.id)
           or b.id is null
        order by a.priority, a.eligible_at, a.id
        limit p_most
    )
    select array(select n.place from near as n) as rows, l.priority, l.eligible_at, l.id + 1 as id,
           exists (select from bound) or (select count(*) from ahead) > p_most as more
    into v_last
    from (select n.* from near as n order by n.priority desc, n.eligible_at desc, n.id desc
          limit 1) as l;
    rows := coalesce(v_last.rows, '{}');
    if v_last.more then
        priority := v_last.priority;
        at := v_last.eligible_at;
        id := v_last.id;
    end if;
end
$$;
comment on function gendurable._nearest(gendurable.place[], int)
    is 'The next instances of several places, and from where on there may be more.';
