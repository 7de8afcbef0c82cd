-- A cron expression as it is computed with; refuses one that is none.
--
-- Errors: GD001, GD002.
create function gendurable._checked_cron(p_cron text) returns gendurable.cron
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_cron record;
begin
    perform gendurable._check_name('cron', p_cron);
    select c.plan, c.problem into v_cron from gendurable._parse_cron(p_cron) as c;
    if v_cron.problem is not null then
        perform gendurable._refuse(
            'GD002', format('cron %L: %s', left(p_cron, 100), v_cron.problem),
            'Five fields (minute hour day-of-month month day-of-week) of *, numbers, names, lists, '
            'ranges and steps; or @daily and its like; or @every with an interval.');
    end if;
    return v_cron.plan;
end
$$;
comment on function gendurable._checked_cron(text) is 'Reads a cron expression; refuses a bad one.';
