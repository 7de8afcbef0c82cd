-- Pauses a schedule: once this has returned, and until gd_resume_schedule, nothing of it is fired.
-- It answers whether there is one of that name.
--
-- Locks:  as gendurable._lock_schedule, waiting for a pick in flight.
-- Writes: schedules, occurrences.
-- Errors: GD001 name missing; GD002 a name that is too long.
create function public.gd_pause_schedule(name text) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if gendurable._is_open('public.gd_pause_schedule(text)') then
        perform gendurable._refuse_open();
    end if;
    perform gendurable._check_name('name', gd_pause_schedule.name);
    return gendurable._set_paused(gd_pause_schedule.name, true);
end
$$;
comment on function public.gd_pause_schedule(text)
    is 'Pauses a schedule; answers whether there is one.';
