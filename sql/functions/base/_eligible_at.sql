-- When an instance may start: `delay` counts from `eligible_at` or now, and a negative one
-- means at once.
--
-- Errors: GD002 when the sum is no timestamp.
create function gendurable._eligible_at(p_eligible_at timestamptz, p_delay interval)
returns timestamptz
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_delay < '0' then
        return least(p_eligible_at, now());
    end if;
    return coalesce(p_eligible_at, now()) + coalesce(p_delay, '0');
exception when datetime_field_overflow or interval_field_overflow then
    perform gendurable._refuse('GD002', format('eligible_at %s plus delay %s is no moment in time',
                                               coalesce(p_eligible_at::text, 'now'), p_delay),
                               'Use a delay that ends before the year 294276.');
    return null;
end
$$;
comment on function gendurable._eligible_at(timestamptz, interval)
    is 'The moment from which an instance may start.';
