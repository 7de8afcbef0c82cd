-- Wakes the parks past their deadline, in all queues. gd_pick does so for its own queue; this is
-- for the queues that no worker picks from. Some ten thousand at most in one call.
--
-- Locks:  the due instances, never waiting. Writes: instances.
-- Plan:   as gendurable._expire_awaits.
create function public.gd_expire_awaits() returns int
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if gendurable._is_open('public.gd_expire_awaits()') then
        perform gendurable._refuse_open();
    end if;
    return (select e.woken from gendurable._expire_awaits('infinity') as e);
end
$$;
comment on function public.gd_expire_awaits()
    is 'Wakes parks past their deadline; answers how many.';
