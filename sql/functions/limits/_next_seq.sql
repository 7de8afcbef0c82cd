-- The number of a new version of a bucket. Also greater than those of a bucket of that key that was
-- forgotten, whose versions would be in the way of a look-up: as the clock has gone on.
create function gendurable._next_seq(p_seq bigint, p_now timestamptz) returns bigint
language sql immutable parallel safe
return greatest(p_seq + 1, (extract(epoch from p_now) * 1000000)::bigint);
comment on function gendurable._next_seq(bigint, timestamptz)
    is 'The number of a new version of a bucket.';
