-- Warns of rate limits that will not let an instance start: a name for which none is set, a weight
-- that no burst can serve. Both are stored all the same, and stand in gd_stuck until the limit is
-- set or raised.
--
-- Locks: none. Writes: nothing. Plan: rate_limits_pkey. Errors: none; warnings GD101, GD102.
create function gendurable._warn_of_rates(p_rates text[], p_weights float8[]) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_bad record;
begin
    -- A loop, because each name is a warning of its own.
    for v_bad in
        select gendurable._policy(r.key) as name, max(r.weight) as weight, max(l.burst) as burst
        from unnest(p_rates, p_weights) as r (key, weight)
        left join gendurable.rate_limits as l on l.name = gendurable._policy(r.key)
        where l.name is null or r.weight > l.burst
        group by gendurable._policy(r.key)
    loop
        if v_bad.burst is null then
            raise warning using errcode = 'GD101', message = 'gendurable: unknown rate limit',
                detail = format('rate limit %s', v_bad.name),
                hint = 'It waits until gd_set_rate_limit configures the name.';
        else
            raise warning using errcode = 'GD102', message = 'gendurable: weight above burst',
                detail = format('rate limit %s: weight %s, burst %s',
                                v_bad.name, v_bad.weight, v_bad.burst),
                hint = 'It waits, with everything behind it, until gd_set_rate_limit raises '
                       'the burst.';
        end if;
    end loop;
end
$$;
comment on function gendurable._warn_of_rates(text[], float8[]) is
    'Warns of rate limits that will not let an instance start.';
