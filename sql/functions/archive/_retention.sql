-- How long finished instances are kept: the setting gendurable.retention of the database, one day
-- without it; null where it is none.
--
-- Read from the catalog, not from the session: ALTER DATABASE takes effect at once, and no worker
-- can have things forgotten by a setting of its own.
-- Locks:  none. Writes: nothing.
-- Errors: none; warning GD103 the setting is no interval, or out of range.
create function gendurable._retention() returns interval
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    c_name      constant text := 'gendurable.retention=';
    v_setting   text;
    v_retention interval;
begin
    select substr(c.setting, length(c_name) + 1) into v_setting
    from pg_db_role_setting as s
    join pg_database as d on d.oid = s.setdatabase
    cross join lateral unnest(s.setconfig) as c (setting)
    where d.datname = current_database() and s.setrole = 0 and c.setting ^@ c_name;
    v_retention := coalesce(nullif(v_setting, '')::interval, '1 day');
    if v_retention < '0' or v_retention > '1000 years' then
        raise exception using errcode = 'interval_field_overflow';
    end if;
    return v_retention;
exception when data_exception then
    raise warning using
        errcode = 'GD103',
        message = 'gendurable: invalid retention, nothing is forgotten',
        detail = format('gendurable.retention is %L', v_setting),
        hint = 'ALTER DATABASE ... SET gendurable.retention = ''7 days'', or RESET it for one day.';
    return null;
end
$$;
comment on function gendurable._retention() is 'How long finished instances are kept.';
