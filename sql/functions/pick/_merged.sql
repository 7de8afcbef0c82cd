-- The next p_most instances of up to sixteen places that are no gaps, merged, and from where on
-- there may be more (gendurable._beyond; null: nowhere).
--
-- A branch for each place, because only what stands in a statement is merged as far as it is
-- needed; those without a place are empty.
-- Locks: none. Writes: nothing.
-- Plan:  instances_ready, as many entries as p_most and one for each place.
create function gendurable._merged(p_places gendurable.place[], p_most int,
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
    v_last record;
begin
    select array_agg(n.place) as rows, count(*) as found,
           (array_agg(n.priority))[count(*)] as priority,
           (array_agg(n.eligible_at))[count(*)] as at,
           (array_agg(n.id))[count(*)] + 1 as id
    into v_last
    from (select m.*
          from (
              select * from gendurable._place_rows(p_places[1])
              union all
              select * from gendurable._place_rows(p_places[2])
              union all
              select * from gendurable._place_rows(p_places[3])
              union all
              select * from gendurable._place_rows(p_places[4])
              union all
              select * from gendurable._place_rows(p_places[5])
              union all
              select * from gendurable._place_rows(p_places[6])
              union all
              select * from gendurable._place_rows(p_places[7])
              union all
              select * from gendurable._place_rows(p_places[8])
              union all
              select * from gendurable._place_rows(p_places[9])
              union all
              select * from gendurable._place_rows(p_places[10])
              union all
              select * from gendurable._place_rows(p_places[11])
              union all
              select * from gendurable._place_rows(p_places[12])
              union all
              select * from gendurable._place_rows(p_places[13])
              union all
              select * from gendurable._place_rows(p_places[14])
              union all
              select * from gendurable._place_rows(p_places[15])
              union all
              select * from gendurable._place_rows(p_places[16])
          ) as m
          order by m.priority, m.eligible_at, m.id
          limit p_most) as n;
    rows := coalesce(v_last.rows, '{}');
    if v_last.found = p_most then
        priority := v_last.priority;
        at := v_last.at;
        id := v_last.id;
    end if;
end
$$;
comment on function gendurable._merged(gendurable.place[], int)
    is 'The next instances of up to sixteen places, merged, and from where on there may be more.';
