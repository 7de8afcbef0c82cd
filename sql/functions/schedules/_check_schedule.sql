-- Refuses a schedule that cannot be; answers its cron expression as it is computed with.
--
-- Errors: GD001, GD002.
create function gendurable._check_schedule(p_schedule gendurable.schedules)
returns gendurable.cron
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_plan    gendurable.cron;
    v_problem text;
begin
    perform gendurable._check_name('name', p_schedule.name);
    v_plan := gendurable._checked_cron(p_schedule.cron);
    perform gendurable._checked_zone(p_schedule.timezone);
    v_problem := coalesce(
        case when octet_length(p_schedule.name) > 900    -- it is a part of correlation keys
             then 'name is longer than 900 bytes: ' || left(p_schedule.name, 40) || '...' end,
        gendurable._entry_problem(p_schedule.fsm, p_schedule.step, p_schedule.queue, null, null,
                                  p_schedule.concurrency_key, p_schedule.rate_limit,
                                  p_schedule.weight),
        case
            when p_schedule.overlap not in ('skip', 'allow')
                then format('overlap is %L, not skip or allow', left(p_schedule.overlap, 40))
            when p_schedule.missed not in ('one', 'skip', 'all')
                then format('missed is %L, not one, skip or all', left(p_schedule.missed, 40))
            when p_schedule.stamp = '' or gendurable._too_long(p_schedule.stamp)
                then gendurable._too_long_problem('stamp')
            when p_schedule.stamp is not null and jsonb_typeof(p_schedule.state) <> 'object'
                then format('stamp %s is no field of a state of JSON type %s',
                            left(p_schedule.stamp, 40), jsonb_typeof(p_schedule.state))
        end);
    if v_problem is not null then
        perform gendurable._refuse(gendurable._error_code(v_problem), v_problem,
                                   'Correct the argument and set the schedule again.');
    end if;
    if gendurable._next_occurrence(v_plan, p_schedule.timezone, clock_timestamp()) is null then
        perform gendurable._refuse(
            'GD002', format('cron %L has no occurrence within ten years', p_schedule.cron),
            'Name a date that comes; gd_next_occurrence says when.');
    end if;
    return v_plan;
end
$$;
comment on function gendurable._check_schedule(gendurable.schedules)
    is 'Refuses a schedule that cannot be; answers its parsed cron expression.';
