-- How long finished instances are kept: the setting gendurable.retention, one day without it.
--
-- Errors: GD002 the setting is no interval, or negative.
create function gendurable._retention() returns interval
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_setting   text := nullif(current_setting('gendurable.retention', true), '');
    v_retention interval;
begin
    v_retention := coalesce(v_setting::interval, '1 day');
    if v_retention < '0' or v_retention > '1000 years' then
        raise exception using errcode = 'interval_field_overflow';
    end if;
    return v_retention;
exception when data_exception then
    perform gendurable._refuse('GD002', format('gendurable.retention is %L', v_setting),
                               'ALTER DATABASE … SET gendurable.retention = ''7 days'', or RESET it for one day.');
    return null;
end
$$;
comment on function gendurable._retention() is 'How long finished instances are kept.';
