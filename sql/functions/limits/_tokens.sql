-- What a token bucket holds at a moment: what it held, refilled since, up to the burst. One that is
-- not there is full. No limit is so large or so small that this fails: that would stop every pick.
create function gendurable._tokens(p_tokens float8, p_refilled_at timestamptz,
                                   p_allowed float8, p_period interval,
                                   p_burst float8, p_now timestamptz)
returns float8
language sql immutable parallel safe
return case when p_tokens is null then p_burst
            else least(p_burst,
                       p_tokens + greatest(extract(epoch from p_now - p_refilled_at), 0)::float8
                                  * case when p_allowed > 0
                                         then least(greatest(p_allowed, 1e-100), 1e100)
                                         else 0 end
                                  / extract(epoch from p_period)::float8) end;
comment on function gendurable._tokens(float8, timestamptz, float8, interval,
                                       float8, timestamptz) is
    'What a token bucket holds at a moment.';
