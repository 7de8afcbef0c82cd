-- The name of the archive's partition for a moment.
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
    is 'Name of the archive partition for a moment.';
