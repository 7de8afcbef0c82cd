-- Asks for one notification on the channel gendurable_watch, with the payload <id>:<status>, from
-- the transaction in which an instance next parks or ends; answers its status now, null if it is
-- not known (any more). What has ended is not watched.
--
-- LISTEN, then watch, then look: commit x watch: the instance's lock decides. Either the commit was
-- first, and the status that is answered is the one that it left, or it finds the watch. So of two
-- commits in a row at least one is seen in one way or the other.
-- Locks:  the instance, waiting for it, as gd_signal.
-- Writes: instances, if it is not watched already. Plan: instances_pkey, else as gd_status.
create function public.gd_watch(target bigint) returns text
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
    v_instance record;
    v_status   text;
begin
    if gendurable._is_open('public.gd_watch(bigint)') then
        perform gendurable._refuse_open();
    end if;
    loop
        select i.watched, gendurable._status(i.phase) as status, i.queue,
               gendurable._is_wanted(i.phase, i.eligible_at) as wanted, (i.lane >> 40)::int as kind
        into v_instance
        from gendurable.instances as i
        where i.id = gd_watch.target
        for no key update;
        exit when found;
        -- In a statement of its own: it may have ended while this one waited. If it lives, it was
        -- brought back by then.
        v_status := (select s.status from public.gd_status(gd_watch.target) as s);
        if v_status is null or v_status in ('done', 'failed') then
            return v_status;
        end if;
    end loop;
    if not v_instance.watched then
        update gendurable.instances as i set watched = true where i.id = gd_watch.target;
    end if;
    if v_instance.wanted then
        -- watch x pick: the pick has passed over it, and its worker sleeps.
        perform gendurable._announce(array[v_instance.queue], p_kinds => array[v_instance.kind]);
    end if;
    return v_instance.status;
end
$$;
comment on function public.gd_watch(bigint)
    is 'Asks to be notified when an instance next parks or ends; answers its status now.';

-- The same by correlation key: the occupant, else the newest that carried the key.
create function public.gd_watch(target text) returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if gendurable._is_open('public.gd_watch(text)') then
        perform gendurable._refuse_open();
    end if;
    return public.gd_watch(gendurable._resolve_key(gd_watch.target));
end
$$;
comment on function public.gd_watch(text)
    is 'Asks to be notified when the instance of a key next parks or ends; answers its status now.';
