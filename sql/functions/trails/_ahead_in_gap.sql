-- The first instances of a place that is a gap. It is inlined.
--
-- `any`: of one moment of one lane instances_pkey has the order as well, and would be walked from
-- the first id on. That there is one lane is hidden from the planner, which must not sort.
-- Locks: none. Writes: nothing. Plan: instances_ready, in its order.
create function gendurable._ahead_in_gap(p_lane bigint, p_priority int, p_at timestamptz,
                                         p_id bigint, p_until_at timestamptz, p_until_id bigint,
                                         p_most int)
returns table (priority int, eligible_at timestamptz, id bigint, place tid)
language sql stable
begin atomic
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
       and i.phase = 'ready' and i.lane = any (array[p_lane]) and i.priority = p_priority
       and i.eligible_at = p_at and i.id >= p_id and i.id < p_until_id
     order by i.lane, i.priority, i.eligible_at, i.id
     limit p_most);
end;
comment on function gendurable._ahead_in_gap(bigint, int, timestamptz, bigint, timestamptz, bigint,
                                             int)
    is 'The first instances of a place that is a gap.';
