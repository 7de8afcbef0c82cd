-- Drops a schedule; answers whether there was one. What it has created lives on.
--
-- Locks:  as gendurable._lock_schedule, waiting for a pick in flight.
-- Writes: schedules, occurrences. Plan: schedules_pkey.
-- Errors: GD001 name missing; GD002 a name that is too long.
create function public.gd_unschedule(name text) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_row gendurable.occurrences;
begin
    if gendurable._is_open('public.gd_unschedule(text)') then
        perform gendurable._refuse_open();
    end if;
    perform gendurable._check_name('name', gd_unschedule.name);
    v_row := gendurable._lock_schedule(gd_unschedule.name);
    if v_row.schedule is null then
        return false;
    end if;
    delete from gendurable.schedules as s where s.name = gd_unschedule.name;
    if v_row.id is not null then
        perform gendurable._leave_queue(v_row);
    end if;
    return true;
end
$$;
comment on function public.gd_unschedule(text)
    is 'Drops a schedule; answers whether there was one.';
