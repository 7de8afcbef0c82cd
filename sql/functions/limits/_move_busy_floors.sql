-- Moves the floors of concurrency keys to the earliest claim that executes, or to the present.
--
-- Called for a key once in some hundred claims of it, so a key that is seldom used has no floor.
-- two picks x one floor: only the holder of the name's lock claims instances of the key and moves
-- its floor, in statements that are younger than the lock. So every claim that was made before is
-- seen here, or over; and a claim that is made later is no earlier than this floor (`since` of
-- gendurable._admit_slots).
-- Locks:  none; the caller holds the names. Writes: busy_floors.
-- Plan:   busy_floors_latest; instances_busy, one descent for each key.
create function gendurable._move_busy_floors(p_keys text[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
begin
    with busy as materialized (
        select k.key, f.since as old, f.place,
               coalesce(e.claimed_at, greatest(f.since, clock_timestamp())) as since
        from (select distinct x as key from unnest(p_keys) as x) as k
        left join lateral (
            select x.since, x.ctid as place from gendurable.busy_floors as x
            where x.key = k.key
            order by x.key, x.since desc
            limit 1
        ) as f on true
        left join lateral (
            select x.claimed_at from gendurable.instances as x
            where x.concurrency_key = k.key and x.phase = 'executing'
              and x.claimed_at >= coalesce(f.since, '-infinity')
            order by x.concurrency_key, x.claimed_at
            limit 1
        ) as e on true
    ), replaced as (
        delete from gendurable.busy_floors as f
        where f.ctid = any (array(select b.place from busy as b where b.since > b.old))
    )
    insert into gendurable.busy_floors (key, since)
    select b.key, b.since from busy as b where b.since > coalesce(b.old, '-infinity');
end
$$;
comment on function gendurable._move_busy_floors(text[])
    is 'Moves the floors of concurrency keys to the earliest claim that executes.';
