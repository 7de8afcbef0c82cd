-- The start of the archive's window for a moment: aligned in UTC, whatever the session's time zone.
create function gendurable._partition_start(p_moment timestamptz,
                                            p_length interval default '6 hours')
returns timestamptz
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return date_bin(p_length, p_moment, '2000-01-01 00:00+00');
end
$$;
comment on function gendurable._partition_start(timestamptz, interval) is
    'Start of the archive window that a moment belongs to.';
