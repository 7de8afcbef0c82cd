-- The instances of a place that is not a gap, in the order of the index. It is inlined, so that the
-- planner can merge several.
--
-- Locks: none. Writes: nothing. Plan: instances_ready.
create function gendurable._place_rows(p_place gendurable.place)
returns table (priority int, eligible_at timestamptz, id bigint, place tid)
language sql stable
begin atomic
    select i.priority, i.eligible_at, i.id, i.ctid
    from gendurable.instances as i
    where i.phase = 'ready' and i.lane = (p_place).lane
      and (i.priority, i.eligible_at, i.id)
          >= ((p_place).priority, (p_place).at, (p_place).id)
      and i.priority < coalesce((p_place).until_priority::bigint, 2147483648)
    order by i.priority, i.eligible_at, i.id;
end;
comment on function gendurable._place_rows(gendurable.place) is 'The instances of a place.';
