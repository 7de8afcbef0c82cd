-- When it is worth a look whether a bucket for which none waits is full again: a second late, so
-- that no rounding matters, after a day at the latest, so that a change of its limit is seen, and
-- not before p_cap (gendurable._due_cap).
create function gendurable._full_at(p_tokens float8, p_allowed float8, p_period float8,
                                    p_burst float8, p_now timestamptz, p_cap timestamptz)
returns timestamptz
language sql stable parallel safe
return greatest(p_cap,
                least(p_now + interval '1 day',
                      gendurable._due_at(p_burst, 0, p_tokens, p_allowed, p_period, p_burst, p_now)
                      + interval '1 second'));
comment on function gendurable._full_at(float8, float8, float8, float8, timestamptz, timestamptz)
    is 'When it is worth a look whether a bucket is full again.';
