-- The first instances of a place. It is inlined.
--
-- Locks: none. Writes: nothing. Plan: instances_ready, in its order.
create function gendurable._ahead(p_lane bigint, p_priority int, p_at timestamptz, p_id bigint,
                                  p_until_priority int, p_until_at timestamptz, p_until_id bigint,
                                  p_most int)
returns table (priority int, eligible_at timestamptz, id bigint, place tid, nth bigint)
language sql stable
begin atomic
    select x.priority, x.eligible_at, x.id, x.place, row_number() over ()
    from ((select i.priority, i.eligible_at, i.id, i.ctid as place
           from gendurable.instances as i
           where p_until_at is null and p_until_id is null
             and i.phase = 'ready' and i.lane = p_lane
             and (i.priority, i.eligible_at, i.id) >= (p_priority, p_at, p_id)
             and i.priority < coalesce(p_until_priority::bigint, 2147483648)
           order by i.lane, i.priority, i.eligible_at, i.id
           limit p_most)
          union all
          (select i.priority, i.eligible_at, i.id, i.ctid
           from gendurable.instances as i
           where p_until_at is not null
             and i.phase = 'ready' and i.lane = p_lane and i.priority = p_priority
             and (i.eligible_at, i.id) >= (p_at, p_id) and i.eligible_at < p_until_at
           order by i.lane, i.priority, i.eligible_at, i.id
           limit p_most)
          union all
          (select i.priority, i.eligible_at, i.id, i.ctid
           from gendurable.instances as i
           where p_until_id is not null
             and i.phase = 'ready' and i.lane = p_lane and i.priority = p_priority
             and i.eligible_at = p_at and i.id >= p_id and i.id < p_until_id
           order by i.lane, i.priority, i.eligible_at, i.id
           limit p_most)) as x;
end;
comment on function gendurable._ahead(bigint, int, timestamptz, bigint, int, timestamptz, bigint,
                                      int)
    is 'The first instances of a place.';
