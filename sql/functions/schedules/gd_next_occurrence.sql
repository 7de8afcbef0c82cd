-- When a schedule with this cron expression would next be due after a moment; null: not within ten
-- years. docs/schedules.md has the expressions.
--
-- Locks: none. Writes: nothing.
-- Errors: GD001 cron missing; GD002 a cron expression or a time zone that is none.
create function public.gd_next_occurrence(
    cron     text,
    timezone text        default 'UTC',
    after    timestamptz default now()
) returns timestamptz
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if gendurable._is_open('public.gd_next_occurrence(text,text,timestamptz)') then
        perform gendurable._refuse_open();
    end if;
    return gendurable._next_occurrence(
        gendurable._checked_cron(gd_next_occurrence.cron),
        gendurable._checked_zone(coalesce(gd_next_occurrence.timezone, 'UTC')),
        coalesce(gd_next_occurrence.after, now()));
end
$$;
comment on function public.gd_next_occurrence(text, text, timestamptz)
    is 'The next moment after another one that a cron expression names in a time zone.';
