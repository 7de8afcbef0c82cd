-- Locks an instance, with p_cascade its live descendants, and the parent that counts it; answers
-- those that are to be cancelled, which the parent is not.
--
-- A child that is scheduled meanwhile is found by looking again. Then this lets go of all and
-- starts over, because locking it now could be out of order.
-- Locks:  the instances by id, waiting for them. A parent's id is smaller than its children's, so
--         cancelling from above and from below cannot wait for each other.
-- Writes: nothing. Plan: instances_pkey; as gendurable._descendants.
-- Errors: none of its own (GD000 is how a turn lets go; it never leaves).
create function gendurable._lock_descendants(p_root bigint, p_cascade boolean) returns bigint[]
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
    v_ids    bigint[];
    v_locked bigint[];
begin
    while v_locked is null loop
        begin
            v_ids := gendurable._descendants(p_root, p_cascade);
            v_locked := array(
                select i.id
                from gendurable.instances as i
                -- (No parent is a null, which matches none. To ask for one beside the id would
                -- attract the planner to all that have one.)
                where i.id = any (v_ids
                                  || array(select r.parent_id
                                           from gendurable.instances as r where r.id = p_root))
                order by i.id
                for no key update);
            if exists (select from gendurable.instances as i
                       where i.id = any (gendurable._descendants(p_root, p_cascade))
                         and i.id not in (select unnest(v_locked))) then
                raise exception using errcode = 'GD000',
                    message = 'gendurable: a child was scheduled meanwhile';
            end if;
        exception when sqlstate 'GD000' then
            v_locked := null;
        end;
    end loop;
    -- Not all descendants: one that gd_retry has brought back since then is not locked.
    return array(select unnest(v_ids) intersect select unnest(v_locked));
end
$$;
comment on function gendurable._lock_descendants(bigint, boolean)
    is 'Locks an instance, or its live subtree, and the parent that counts it.';
