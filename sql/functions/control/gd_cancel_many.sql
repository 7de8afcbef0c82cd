-- Cancels instances, each as gd_cancel does, without what is below them; answers for each of `ids`,
-- in order: cancelled; no_target, where nothing of that id is live; busy, where another transaction
-- has it, or the parent that counts it, for longer than 50 ms. None waits for the others.
--
-- Locks:  as gendurable._lock_free.
-- Writes: as gendurable._cancel. Plan: instances_pkey.
-- Errors: GD001 ids missing; GD003 one of them missing.
create function public.gd_cancel_many(ids bigint[], reason text default null)
returns table (id bigint, result text)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = on
set enable_sort = on
set jit = off
as $$
declare
    v_ids  bigint[];
    v_free bigint[];
    v_busy bigint[];
begin
    if gendurable._is_open('public.gd_cancel_many(bigint[],text)') then
        perform gendurable._refuse_open();
    end if;
    perform gendurable._check_ids(gd_cancel_many.ids);
    v_ids := array(select distinct u from unnest(gd_cancel_many.ids) as u);
    v_free := gendurable._lock_free(v_ids);
    v_busy := array(
        select i.id from gendurable.instances as i
        where i.id = any (array(select unnest(v_ids) except select unnest(v_free))));
    perform gendurable._cancel(v_free, gd_cancel_many.reason);

    return query
    select u.id, case when f.id is not null then 'cancelled'
                      when b.id is not null then 'busy' else 'no_target' end
    from unnest(gd_cancel_many.ids) with ordinality as u (id, ord)
    left join unnest(v_free) as f (id) on f.id = u.id
    left join unnest(v_busy) as b (id) on b.id = u.id
    order by u.ord;
end
$$;
comment on function public.gd_cancel_many(bigint[], text)
    is 'Cancels instances by their ids; cancelled, no_target or busy for each.';
