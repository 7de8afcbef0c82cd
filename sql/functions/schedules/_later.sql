-- A moment that is an interval later: months and days by the calendar of a time zone, hours and
-- less as they are.
create function gendurable._later(p_moment timestamptz, p_every interval, p_zone text)
returns timestamptz
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_days interval := make_interval(months => 12 * extract(year from p_every)::int
                                               + extract(month from p_every)::int,
                                     days => extract(day from p_every)::int);
begin
    if v_days = '0' then
        return p_moment + p_every;
    end if;
    return gendurable._instant((p_moment at time zone p_zone) + v_days, p_zone)
           + (p_every - v_days);
end
$$;
comment on function gendurable._later(timestamptz, interval, text)
    is 'A moment that is an interval later, by the calendar of a time zone.';
