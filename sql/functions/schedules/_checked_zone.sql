-- A time zone that the server knows; refuses any other.
--
-- Errors: GD002.
create function gendurable._checked_zone(p_zone text) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    perform timestamptz 'epoch' at time zone p_zone;
    return p_zone;
exception when data_exception then
    perform gendurable._refuse('GD002', format('timezone %L', left(p_zone, 100)),
                               'Use a name of pg_timezone_names, such as Europe/Berlin.');
    return null;
end
$$;
comment on function gendurable._checked_zone(text) is 'Refuses a time zone that the server lacks.';
