-- The first instance of a line from a place on and before another one; nulls if there is none.
--
-- Two look-ups, because an index scan ends where it should only if one column is compared.
-- `any`: as in gendurable._ahead_in_gap.
-- Locks: none. Writes: nothing. Plan: instances_ready, two descents at most.
create function gendurable._first_in_line(p_lane bigint, p_priority int,
                                          p_at timestamptz, p_id bigint,
                                          p_until_at timestamptz, p_until_id bigint,
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
    c_least constant bigint := -9223372036854775808;
begin
    select i.eligible_at, i.id into at, id
    from gendurable.instances as i
    where i.phase = 'ready' and i.lane = p_lane and i.priority = p_priority
      and (i.eligible_at, i.id) >= (p_at, p_id) and i.eligible_at < p_until_at
    order by i.lane, i.priority, i.eligible_at, i.id
    limit 1;
    if not found then
        select i.eligible_at, i.id into at, id
        from gendurable.instances as i
        where i.phase = 'ready' and i.lane = any (array[p_lane]) and i.priority = p_priority
          and i.eligible_at = p_until_at and i.id < p_until_id
          and i.id >= case when p_at = p_until_at then p_id else c_least end
        order by i.lane, i.priority, i.eligible_at, i.id
        limit 1;
    end if;
end
$$;
comment on function gendurable._first_in_line(bigint, int, timestamptz, bigint,
                                              timestamptz, bigint)
    is 'The first instance of a part of a line.';
