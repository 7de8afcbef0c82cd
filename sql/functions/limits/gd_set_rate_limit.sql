-- Sets the token bucket of every key of this name: `allowed` tokens in each `period`, `burst` at
-- most at once. It applies at once; what a bucket holds is kept, up to the new burst.
--
-- limit change x newcomer: this call looks for no instance. Its doorbell becomes visible together
-- with the new limit, and the pick that answers finds all that wait (gendurable._ring_name).
-- A REPEATABLE READ transaction does not see a bucket that is younger than its snapshot: that one
-- refills by the new limit since it was last drawn from.
-- Locks:  the name (advisory, until the transaction ends), waiting for the picks that hold it.
-- Writes: rate_limits, buckets, doorbells.
-- Errors: GD001 an argument missing; GD002 a value out of range, a name with a colon.
create function public.gd_set_rate_limit(
    name    text,
    allowed float8,
    period  interval,
    burst   float8 default null
) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now   timestamptz := clock_timestamp();
    v_burst float8 := coalesce(gd_set_rate_limit.burst, greatest(gd_set_rate_limit.allowed, 1));
begin
    if gendurable._is_open('public.gd_set_rate_limit(text,float8,interval,float8)') then
        perform gendurable._refuse_open();
    end if;
    perform gendurable._check_policy_name(gd_set_rate_limit.name);
    if gd_set_rate_limit.allowed is null or gd_set_rate_limit.period is null then
        perform gendurable._refuse(
            'GD001', 'allowed and period are required',
            'For example gd_set_rate_limit(''mail'', 10, ''1 second'').');
    elsif not (gd_set_rate_limit.allowed >= 0 and gd_set_rate_limit.allowed < 'Infinity'
               and v_burst > 0 and v_burst < 'Infinity' and gd_set_rate_limit.period > '0') then
        perform gendurable._refuse(
            'GD002',
            format('allowed %s, period %s, burst %s',
                   gd_set_rate_limit.allowed, gd_set_rate_limit.period, v_burst),
            'allowed is zero or more, period and burst are more than zero, all of them finite.');
    end if;

    perform pg_advisory_xact_lock(
        gendurable._name_lock('rate_limit', gd_set_rate_limit.name));
    -- Their moments stay: what is due is looked at in any case, and what is full once it comes.
    with old as (
        delete from gendurable.buckets as b
        using gendurable.rate_limits as l
        where l.name = gd_set_rate_limit.name and gendurable._policy(b.key) = l.name
        returning b.*, l.allowed, l.period, l.burst
    )
    insert into gendurable.buckets (key, seq, tokens, refilled_at, due_at, full_at)
    select o.key, gendurable._next_seq(o.seq, v_now),
           least(v_burst, gendurable._tokens(o.tokens, o.refilled_at, o.allowed, o.period, o.burst,
                                             v_now)),
           v_now, o.due_at, o.full_at
    from old as o;
    insert into gendurable.rate_limits as l (name, allowed, period, burst)
    values (gd_set_rate_limit.name, gd_set_rate_limit.allowed, gd_set_rate_limit.period, v_burst)
    on conflict on constraint rate_limits_pkey
    do update set allowed = excluded.allowed, period = excluded.period, burst = excluded.burst;
    perform gendurable._ring_name('rate_limit', gd_set_rate_limit.name);
end
$$;
comment on function public.gd_set_rate_limit(text, float8, interval, float8)
    is 'Sets the token bucket of every key of a name.';
