-- What is left of places from a place on.
create function gendurable._beyond(p_places gendurable.place[], p_priority int, p_at timestamptz,
                                   p_id bigint)
returns gendurable.place[]
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return array(
        select row(p.lane, f.priority, f.at, f.id, p.until_priority, p.until_at,
                   p.until_id)::gendurable.place
        from unnest(p_places) as p
        cross join lateral (
            select e.priority, e.at, e.id
            from (values (p_priority, p_at, p_id), (p.priority, p.at, p.id)) as e (priority, at, id)
            order by e.priority desc, e.at desc, e.id desc
            limit 1
        ) as f
        where f.priority < coalesce(p.until_priority::bigint, 2147483648)
          and (p.until_at is null and p.until_id is null
               or f.priority = p.priority
                  and (f.at < p.until_at or f.at = p.at and f.id < p.until_id)));
end
$$;
comment on function gendurable._beyond(gendurable.place[], int, timestamptz, bigint)
    is 'What is left of places from a place on.';
