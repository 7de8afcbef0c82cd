-- How many ready instances of its queue are more urgent or older than one, counted up to p_most.
--
-- Locks: none. Writes: nothing.
-- Plan:  as gendurable._places; then instances_ready, p_most entries.
create function gendurable._ready_before(p_instance gendurable.instances, p_most int) returns bigint
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_places gendurable.place[] := gendurable._heads(gendurable._places(array(
        select k.id from gendurable.kinds as k where k.queue = p_instance.queue)));
begin
    return (
        select count(*)
        from (select from unnest(v_places) as p
              cross join lateral (
                  select from gendurable.instances as i
                  where p.until_at is null and p.until_id is null
                    and i.phase = 'ready' and i.lane = p.lane
                    and (i.priority, i.eligible_at, i.id) >= (p.priority, p.at, p.id)
                    and (i.priority, i.eligible_at, i.id)
                        < (p_instance.priority, p_instance.eligible_at, p_instance.id)
                    and i.priority < coalesce(p.until_priority::bigint, 2147483648)
                  union all
                  select from gendurable._ahead_in_gap(p.lane, p.priority, p.at, p.id, p.until_at,
                                                       p.until_id, p_most) as a
                  where (a.priority, a.eligible_at, a.id)
                        < (p_instance.priority, p_instance.eligible_at, p_instance.id)
              ) as r
              limit p_most) as x);
end
$$;
comment on function gendurable._ready_before(gendurable.instances, int)
    is 'How many ready instances of its queue come before one, up to a number.';
