-- The first instances of a place that is not a gap. It is inlined.
--
-- Locks: none. Writes: nothing. Plan: instances_ready, in its order.
create function gendurable._ahead(p_lane bigint, p_priority int, p_at timestamptz, p_id bigint,
                                  p_until_priority int, p_most int)
returns table (priority int, eligible_at timestamptz, id bigint, place tid)
language sql stable
begin atomic
    select i.priority, i.eligible_at, i.id, i.ctid
    from gendurable.instances as i
    where i.phase = 'ready' and i.lane = p_lane
      and (i.priority, i.eligible_at, i.id) >= (p_priority, p_at, p_id)
      -- An operand that is null would end the scan at once.
      and i.priority < coalesce(p_until_priority::bigint, 2147483648)
    order by i.lane, i.priority, i.eligible_at, i.id
    limit p_most;
end;
comment on function gendurable._ahead(bigint, int, timestamptz, bigint, int, int)
    is 'The first instances of a place that is not a gap.';
