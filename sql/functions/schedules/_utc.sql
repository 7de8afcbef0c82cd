-- A moment as ISO 8601 in UTC, such as 2026-01-05T03:00:00Z.
create function gendurable._utc(p_moment timestamptz) returns text
language sql stable
set search_path = pg_catalog, pg_temp
return to_char(p_moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS')
       || rtrim(rtrim(to_char(p_moment at time zone 'UTC', '.US'), '0'), '.') || 'Z';
comment on function gendurable._utc(timestamptz) is 'A moment as ISO 8601 in UTC.';
