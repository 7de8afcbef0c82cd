-- Of some places those that are occupied, each from its first instance on.
--
-- Locks: none. Writes: nothing. Plan: as gendurable._ahead, one descent for each.
create function gendurable._heads(p_places gendurable.place[]) returns gendurable.place[]
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
begin
    return array(
        select row(p.lane, a.priority, a.eligible_at, a.id,
                   p.until_priority, p.until_at, p.until_id)::gendurable.place
        from unnest(p_places) as p
        cross join lateral gendurable._ahead(p.lane, p.priority, p.at, p.id, p.until_priority,
                                             1) as a
        where p.until_at is null and p.until_id is null
        union all
        select row(p.lane, a.priority, a.eligible_at, a.id,
                   p.until_priority, p.until_at, p.until_id)::gendurable.place
        from unnest(p_places) as p
        cross join lateral gendurable._ahead_in_gap(p.lane, p.priority, p.at, p.id, p.until_at,
                                                    p.until_id, 1) as a
        where p.until_at is not null or p.until_id is not null);
end
$$;
comment on function gendurable._heads(gendurable.place[]) is 'Which of some places are occupied.';
