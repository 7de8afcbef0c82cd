-- The name of the archive's partition whose window begins at a moment, or in the six hours of it.
create function gendurable._partition_name(p_moment timestamptz) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return 'finished_'
           || to_char(gendurable._partition_start(p_moment) at time zone 'UTC', 'YYYYMMDD"_"HH24');
end
$$;
comment on function gendurable._partition_name(timestamptz)
    is 'Name of the archive partition that begins at a moment.';
