-- When the most urgent instance that waits for tokens of a bucket will fit, given its weight and
-- that of all before it and itself (p_total); null: none waits; infinity: never by itself.
create function gendurable._due_at(p_total float8, p_weight float8, p_tokens float8,
                                   p_allowed float8, p_period float8, p_burst float8,
                                   p_now timestamptz)
returns timestamptz
language sql stable parallel safe
return case
    when p_total is null then null
    when p_weight > p_burst or p_allowed = 0 then 'infinity'
    -- A century at most, so that no sum leaves the calendar.
    else p_now + least((p_total - p_tokens) / greatest(p_allowed, 1e-100) * p_period, 3.2e9)
                 * interval '1 second'
end;
comment on function gendurable._due_at(float8, float8, float8, float8, float8, float8, timestamptz)
    is 'When the most urgent instance that waits for tokens will fit.';
