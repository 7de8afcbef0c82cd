-- The moment at which clocks of a time zone show a local time: the first of two, and for a time
-- that they skip the moment at which they would have shown it without the change.
create function gendurable._instant(p_local timestamp, p_zone text) returns timestamptz
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_late  timestamptz := p_local at time zone p_zone;    -- the second of two
    v_day   timestamptz := v_late - interval '24 hours';
    -- By the offset of the day before.
    v_early timestamptz := v_day + (p_local - (v_day at time zone p_zone));
begin
    return case when v_early < v_late and v_early at time zone p_zone = p_local
                then v_early else v_late end;
end
$$;
comment on function gendurable._instant(timestamp, text)
    is 'The moment at which clocks of a time zone first show a local time.';
