-- Creates a schedule or replaces the one of its name; answers its next occurrence.
-- docs/schedules.md has what each argument does.
--
-- Locks:  as gendurable._set_schedule. Writes: schedules, occurrences.
-- Errors: GD001 name, cron or fsm missing; GD002 a value that cannot be, a date that never comes.
--         Warnings: GD101, GD102 (see gendurable._warn_of_rates).
create function public.gd_schedule(
    name            text,
    cron            text,
    fsm             text,
    state           jsonb  default '{}',
    step            text   default 'start',
    queue           text   default 'default',
    priority        int    default 0,
    timezone        text   default 'UTC',
    overlap         text   default 'skip',
    missed          text   default 'one',
    stamp           text   default null,
    concurrency_key text   default null,
    rate_limit      text   default null,
    weight          float8 default 1,
    fsm_version     int    default null
) returns timestamptz
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if gendurable._is_open(
           'public.gd_schedule(text,text,text,jsonb,text,text,int,text,text,text,text,text,text,'
           'float8,int)') then
        perform gendurable._refuse_open();
    end if;
    return (select s.next_at from gendurable._set_schedule(row(
        gd_schedule.name, gd_schedule.cron, coalesce(gd_schedule.timezone, 'UTC'),
        gd_schedule.fsm, gd_schedule.fsm_version, coalesce(gd_schedule.step, 'start'),
        coalesce(gd_schedule.state, '{}'), coalesce(gd_schedule.queue, 'default'),
        coalesce(gd_schedule.priority, 0), coalesce(gd_schedule.overlap, 'skip'),
        coalesce(gd_schedule.missed, 'one'), gd_schedule.stamp, gd_schedule.concurrency_key,
        gd_schedule.rate_limit, coalesce(gd_schedule.weight, 1), false, null
    )::gendurable.schedules) as s);
end
$$;
comment on function public.gd_schedule(text, text, text, jsonb, text, text, int, text, text, text,
                                       text, text, text, float8, int)
    is 'Creates or replaces a schedule; answers its next occurrence.';
