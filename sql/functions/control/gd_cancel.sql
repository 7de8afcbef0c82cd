-- Cancels an instance, with `cascade` its live subtree as well: at once, executing or not. It is
-- failed with {"kind": "cancelled", "reason": ...}; its worker hears of it with the next heartbeat,
-- and what it still commits is stale.
--
-- Locks:  the instances and the parent that counts the root, all by id in one order, waiting for
--         them. (A parent's id is smaller than its children's, so cancelling from above and from
--         below cannot wait for each other.) A child that is scheduled meanwhile is found by
--         looking again, with nothing in hand.
-- Writes: as gendurable._finish; doorbells.
-- Plan:   instances_pkey, instances_parent, finished_parent.
-- Errors: GD001 target missing.
create function public.gd_cancel(target bigint, reason text default null,
                                 cascade boolean default false)
returns int
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
    v_tree      bigint[];
    v_locked    bigint[];
    v_outcomes  gendurable.outcome[];
    v_keys      text[];
    v_rates     text[];
begin
    if gd_cancel.target is null then
        perform gendurable._refuse('GD001', 'target is required',
                                   'Name the instance by its id or its correlation key.');
    end if;

    while v_locked is null loop
        begin
            v_tree := gendurable._descendants(gd_cancel.target, gd_cancel.cascade);
            v_locked := array(
                select i.id
                from gendurable.instances as i
                where i.id = any (v_tree
                                  || array(select r.parent_id
                                           from gendurable.instances as r
                                           where r.id = gd_cancel.target
                                             and r.parent_id is not null))
                order by i.id
                for no key update);
            -- A child that was scheduled meanwhile: let go of all and start over, because locking
            -- it now could be out of order.
            if exists (select from gendurable.instances as i
                       where i.id = any (gendurable._descendants(gd_cancel.target,
                                                                 gd_cancel.cascade))
                         and i.id not in (select unnest(v_locked))) then
                raise exception using errcode = 'GD000',
                    message = 'gendurable: the tree has grown meanwhile';
            end if;
        exception when sqlstate 'GD000' then
            v_locked := null;
        end;
    end loop;

    select array_agg(row(1, i.id, i.fence, 'stop', null, null, null, null, null, null, null, null,
                         null, null, null, null, null, null,
                         jsonb_build_object('kind', 'cancelled', 'reason', gd_cancel.reason),
                         null)::gendurable.outcome),
           -- A slot or an offer of one, tokens or a place in front of others: somebody may go on
           -- in its stead.
           array_agg(i.concurrency_key)
               filter (where i.phase in ('executing', 'ready') and i.concurrency_key is not null),
           array_agg(i.rate_limit)
               filter (where i.phase in ('ready', 'throttled') and i.rate_limit is not null)
    into v_outcomes, v_keys, v_rates
    from gendurable.instances as i
    -- Not the whole tree: one that gd_retry has brought back since then is nobody's whom we hold.
    where i.id = any (array(select t from unnest(v_tree) as t
                            intersect
                            select l from unnest(v_locked) as l));
    if v_outcomes is null then
        return 0;
    end if;
    perform gendurable._finish(v_outcomes);
    if v_keys is not null or v_rates is not null then
        perform gendurable._ring(v_keys, v_rates);
    end if;
    return cardinality(v_outcomes);
end
$$;
comment on function public.gd_cancel(bigint, text, boolean) is
    'Cancels an instance by its id, or its subtree; answers how many.';

-- The same by correlation key: the occupant, else the newest that carried the key.
create function public.gd_cancel(target text, reason text default null,
                                 cascade boolean default false)
returns int
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_id bigint;
begin
    if gd_cancel.target is null then
        perform gendurable._refuse('GD001', 'target is required',
                                   'Name the instance by its id or its correlation key.');
    end if;
    v_id := gendurable._resolve_key(gd_cancel.target);
    return case when v_id is null then 0
                else public.gd_cancel(v_id, gd_cancel.reason, gd_cancel.cascade) end;
end
$$;
comment on function public.gd_cancel(text, text, boolean) is
    'Cancels an instance by its correlation key, or its subtree; answers how many.';
