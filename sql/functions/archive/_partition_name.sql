-- The name of the partition of the archive, or of the history, whose window begins at a moment, or
-- in the six hours of it.
create function gendurable._partition_name(p_moment timestamptz, p_table text default 'finished')
returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return p_table || '_'
           || to_char(gendurable._partition_start(p_moment) at time zone 'UTC', 'YYYYMMDD"_"HH24');
end
$$;
comment on function gendurable._partition_name(timestamptz, text)
    is 'Name of the partition that begins at a moment.';
