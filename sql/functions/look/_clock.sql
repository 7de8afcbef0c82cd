-- A moment in a sentence: to the second, with the session's time zone.
create function gendurable._clock(p_at timestamptz) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return case when isfinite(p_at) then to_char(p_at, 'YYYY-MM-DD HH24:MI:SS TZ')
                when p_at is not null then 'for ever' end;
end
$$;
comment on function gendurable._clock(timestamptz) is 'A moment in a sentence.';
