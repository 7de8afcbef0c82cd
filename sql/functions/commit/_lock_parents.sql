-- Of outcomes whose instances the caller has locked: those that can be applied as far as parents
-- go. A child that finishes while another transaction holds its parent's row is to be offered
-- again.
--
-- Locks:  the parents of finishing children by id, skipping locked ones.
-- Writes: nothing. Plan: instances_pkey.
create function gendurable._lock_parents(p_outcomes gendurable.outcome[])
returns gendurable.outcome[]
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
    v_parents bigint[];
    v_locked  bigint[];
begin
    v_parents := array(
        select distinct i.parent_id
        from unnest(p_outcomes) as o join gendurable.instances as i on i.id = o.id
        where o.kind in ('done', 'stop') and i.parent_id is not null and not i.counted
        order by i.parent_id);
    v_locked := array(
        select p.id from gendurable.instances as p
        where p.id = any (v_parents)
        order by p.id
        for no key update skip locked);
    -- Those that live and are not locked. One that is gone counts no child any more.
    v_parents := array(
        select p.id from gendurable.instances as p
        where p.id = any (v_parents) and p.id <> all (v_locked));
    if cardinality(v_parents) = 0 then
        return p_outcomes;
    end if;

    return array(
        select o from unnest(p_outcomes) as o
        where o.kind not in ('done', 'stop')
           or o.id <> all (array(select i.id from gendurable.instances as i
                                 where i.id = any (array(select c.id from unnest(p_outcomes) as c))
                                   and not i.counted
                                   and coalesce(i.parent_id = any (v_parents), false))));
end
$$;
comment on function gendurable._lock_parents(gendurable.outcome[])
    is 'Locks parents; answers the outcomes that can be applied.';
