-- The machines of which an instance ever waited in one of some queues, by name: what a worker that
-- finds its machines by their names looks for.
--
-- Locks: none. Writes: nothing. Plan: kinds_key, the entries of the queues.
create function public.gd_machines(queues text[]) returns setof text
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
begin
    if gendurable._is_open('public.gd_machines(text[])') then
        perform gendurable._refuse_open();
    end if;
    return query
    select distinct k.fsm
    from gendurable.kinds as k
    where k.queue = any (gd_machines.queues)
    order by k.fsm;
end
$$;
comment on function public.gd_machines(text[])
    is 'The machines of which an instance ever waited in one of some queues.';
