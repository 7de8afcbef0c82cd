-- Ends the pause of a schedule. What was due meanwhile is missed: the schedule says what becomes of
-- it. It answers whether there is one of that name.
--
-- Locks:  as gendurable._lock_schedule, waiting for a pick in flight.
-- Writes: schedules, occurrences.
-- Errors: GD001 name missing; GD002 a name that is too long.
create function public.gd_resume_schedule(name text) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if gendurable._is_open('public.gd_resume_schedule(text)') then
        perform gendurable._refuse_open();
    end if;
    perform gendurable._check_name('name', gd_resume_schedule.name);
    return gendurable._set_paused(gd_resume_schedule.name, false);
end
$$;
comment on function public.gd_resume_schedule(text)
    is 'Resumes a schedule; answers whether there is one.';
