-- The start of the archive's partition for a moment: six hours wide and aligned in UTC, whatever
-- the session's time zone.
create function gendurable._partition_start(p_moment timestamptz) returns timestamptz
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return date_bin('6 hours', p_moment, '2000-01-01 00:00+00');
end
$$;
comment on function gendurable._partition_start(timestamptz) is
    'Start of the archive partition that a moment belongs to.';
