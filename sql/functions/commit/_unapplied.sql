-- The answers to the outcomes of a commit that were not applied: invalid, busy or stale.
--
-- Asked for when all others have been applied. What is still the worker's then was locked by
-- another transaction. (A second outcome for a claim is not: the first one has grown the fence.)
-- Locks: none. Writes: nothing. Plan: instances_pkey.
create function gendurable._unapplied(p_worker bigint,
                                      p_all gendurable.outcome[], p_applied gendurable.outcome[])
returns gendurable.answer[]
language plpgsql stable
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
    v_fences bigint[];
begin
    select array_agg(i.id), array_agg(i.fence) into v_ids, v_fences
    from gendurable.instances as i
    where i.id = any (array(select o.id from unnest(p_all) as o where o.problem is null))
      and coalesce(i.worker_id = p_worker, false);
    return array(
        select row(o.ord, o.id, o.fence,
                   case when o.problem is not null then 'invalid'
                        when (o.id, o.fence) in (select h.id, h.fence
                                                 from unnest(v_ids, v_fences) as h (id, fence))
                            then 'busy'
                        else 'stale' end,
                   o.problem, null)::gendurable.answer
        from unnest(p_all) as o
        where o.ord not in (select m.ord from unnest(p_applied) as m));
end
$$;
comment on function gendurable._unapplied(bigint, gendurable.outcome[], gendurable.outcome[]) is
    'Answers to the outcomes of a commit that were not applied.';
