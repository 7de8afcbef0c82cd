-- Of outcomes whose instances the caller has locked: those that can be applied as far as parents
-- go. A child that finishes while another transaction holds its parent's row is to be offered
-- again.
--
-- p_children: the instances that finish and that their parents count; p_parents: the parent of
-- each.
-- Locks:  the parents of finishing children by id, skipping locked ones.
-- Writes: nothing. Plan: instances_pkey.
create function gendurable._lock_parents(p_outcomes gendurable.outcome[], p_children bigint[],
                                         p_parents bigint[])
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
    v_locked bigint[];
    v_busy   bigint[];
begin
    v_locked := array(
        select p.id from gendurable.instances as p
        where p.id = any (p_parents)
        order by p.id
        for no key update skip locked);
    v_busy := array(select unnest(p_parents) except select unnest(v_locked));
    if cardinality(v_busy) = 0 then
        return p_outcomes;
    end if;

    -- Those that live. One that is gone counts no child any more.
    v_busy := array(select p.id from gendurable.instances as p where p.id = any (v_busy));
    return array(
        select o from unnest(p_outcomes) as o
        where o.id not in (select c.id from unnest(p_children, p_parents) as c (id, parent)
                           where c.parent in (select unnest(v_busy))));
end
$$;
comment on function gendurable._lock_parents(gendurable.outcome[], bigint[], bigint[])
    is 'Locks parents; answers the outcomes that can be applied.';
