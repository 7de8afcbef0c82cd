-- The token bucket of a rate key as it is at a moment, by the limit of its name: one row, of nulls
-- where the name is not configured.
--
-- Locks: none. Writes: nothing.
-- Plan:  rate_limits_pkey; buckets_pkey, the newest version first. It is inlined.
create function gendurable._bucket(p_key text, p_now timestamptz)
returns table (allowed float8, period float8, burst float8, tokens float8,
               due_at timestamptz, seq bigint, place tid)
language sql stable
begin atomic
    select l.allowed, extract(epoch from l.period)::float8, l.burst,
           gendurable._tokens(b.tokens, b.refilled_at, l.allowed, l.period, l.burst, p_now),
           b.due_at, b.seq, b.place
    from (values (gendurable._policy(p_key))) as k (name)
    left join lateral (
        select x.* from gendurable.rate_limits as x
        where x.name = k.name
        limit 1
    ) as l on true
    left join lateral (
        select x.*, x.ctid as place from gendurable.buckets as x
        where x.key = p_key
        order by x.key, x.seq desc
        limit 1
    ) as b on true;
end;
comment on function gendurable._bucket(text, timestamptz)
    is 'The token bucket of a rate key at a moment, period in seconds.';
