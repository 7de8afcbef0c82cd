-- For routers: refuses, unless virtual partitions are in this database, and keeps them here until
-- the transaction ends. A router asks this before each call, so a call that is led to the wrong
-- database is refused, and never answered as if there were no such instance.
--
-- A routed call x a move: the call shares the lock of the partition, then looks whether the
-- partition is here. The move first notes that it is not, then takes the lock. So the move waits
-- for a call that has found it here, and sees what that call has written; a later call is refused.
-- The call does not wait for the lock: it may hold instances that the move waits for.
--
-- Locks:  the partitions, shared, without waiting. Writes: nothing.
-- Errors: GD030 one of them is not here, or is leaving.
create function public.gd_here(variadic partitions int[]) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_partition int;
begin
    if gendurable._is_open('public.gd_here(int[])') then
        perform gendurable._refuse_open();
    end if;
    -- First all are locked, then all are looked at. No partition: an argument is missing, which the
    -- call itself says.
    select min(p) into v_partition
    from unnest(gd_here.partitions) as p
    where not pg_try_advisory_xact_lock_shared(26476, p);
    if v_partition is null then
        select min(p) into v_partition
        from unnest(gd_here.partitions) as p
        where not gendurable._holds_partition(p);
    end if;
    if v_partition is not null then
        perform gendurable._refuse(
            'GD030', format('partition %s is not in database %s', v_partition,
                            current_database()),
            'Try again in a moment. If it stays so, the router leads to another database than '
            'the one that has the partition: gd_place_partitions.');
    end if;
    return true;
end
$$;
comment on function public.gd_here(int[]) is
    'For routers: refuses unless virtual partitions are here, and keeps them until the end.';
