-- Locks live instances and the parents that count them, as far as no other transaction has them for
-- longer than 50 ms; answers those of which both are locked.
--
-- It never stands in line for a row: what it waits for does not hold up what waits for it.
-- Locks:  the instances and their parents by id, never waiting, but trying again.
-- Writes: nothing. Plan: instances_pkey.
create function gendurable._lock_free(p_ids bigint[]) returns bigint[]
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
    v_until constant timestamptz := clock_timestamp() + interval '50 ms';
    v_left  bigint[];
    v_held  bigint[] := array[]::bigint[];
begin
    -- What is asked of parent_id beside the ids would attract the planner to all that have one.
    v_left := p_ids || array(
        select k.parent_id
        from (select i.parent_id, i.counted from gendurable.instances as i
              where i.id = any (p_ids) offset 0) as k
        where k.parent_id is not null and not k.counted);
    loop
        v_held := v_held || array(
            select i.id from gendurable.instances as i
            where i.id = any (v_left)
            order by i.id
            for no key update skip locked);
        -- Those that live.
        v_left := array(
            select i.id from gendurable.instances as i
            where i.id = any (array(select unnest(v_left) except select unnest(v_held))));
        exit when v_left = '{}' or clock_timestamp() >= v_until;
        perform pg_sleep(0.005);
    end loop;
    return array(
        select i.id from gendurable.instances as i
        where i.id = any (array(select unnest(p_ids) intersect select unnest(v_held)))
          and (i.counted or i.parent_id is null or i.parent_id <> all (v_left)));
end
$$;
comment on function gendurable._lock_free(bigint[])
    is 'Locks instances and the parents that count them, as far as they are free.';
