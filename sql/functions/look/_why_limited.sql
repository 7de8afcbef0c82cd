-- The limits that keep a runnable instance from starting: tokens of its rate key, slots of its
-- concurrency key.
--
-- Locks: none. Writes: nothing.
-- Plan:  as gendurable._bucket and gendurable._capacity; instances_busy, as many as may execute.
create function gendurable._why_limited(p_instance gendurable.instances)
returns table (reason text, detail text, remedy text, since timestamptz)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_rate    text := p_instance.rate_limit;
    v_key     text := p_instance.concurrency_key;
    v_weight  float8 := coalesce(p_instance.weight, 1);
    v_bucket  record;
    v_slots   record;
    v_holders text[];
begin
    if v_rate is not null then
        select b.burst, b.tokens, b.due_at into v_bucket
        from gendurable._bucket(v_rate, now()) as b;
        if v_bucket.burst is null then
            return query select
                'unknown_rate_limit', format('No rate limit is set for %s.', v_rate),
                format('gd_set_rate_limit(%L, ...) sets it.', gendurable._policy(v_rate)),
                null::timestamptz;
        elsif v_weight > v_bucket.burst then
            return query select
                'weight_above_burst',
                format('It draws %s tokens of %s, which never has more than %s.',
                       v_weight, v_rate, v_bucket.burst),
                format('Raise the burst: gd_set_rate_limit(%L, ...).', gendurable._policy(v_rate)),
                null::timestamptz;
        elsif p_instance.phase = 'throttled' and v_bucket.tokens < v_weight then
            return query select
                'rate_limit',
                format('It waits for %s of %s, which has %s%s.',
                       case v_weight when 1 then '1 token' else v_weight || ' tokens' end, v_rate,
                       round(v_bucket.tokens::numeric, 2),
                       case when not isfinite(v_bucket.due_at) then ' and is never refilled'
                            else '; the first in that line is due at '
                                 || gendurable._clock(v_bucket.due_at) end),
                format('%s it: gd_set_rate_limit(%L, ...).',
                       case when isfinite(v_bucket.due_at) then 'Wait, or raise' else 'Raise' end,
                       gendurable._policy(v_rate)),
                null::timestamptz;
        end if;
    end if;
    if v_key is not null then
        select c.most, c.free into v_slots from gendurable._capacity(v_key) as c;
        if v_slots.free <= 0 then
            v_holders := array(
                select format('%s (%s, step %s, since %s)', i.id, i.fsm, i.step,
                              gendurable._clock(i.claimed_at))
                from gendurable.instances as i
                where i.concurrency_key = v_key and i.phase = 'executing'
                order by i.claimed_at limit 3);
            return query select
                'concurrency_key',
                format('%s executing under concurrency key %s: %s.',
                       case when v_slots.most = 0 then 'Nothing may be'
                            else format('As many as may (%s) are', v_slots.most) end,
                       v_key, coalesce(nullif(gendurable._list(v_holders), ''), 'none is')),
                format('%s the limit: gd_set_concurrency_limit(%L, ...).',
                       case v_slots.most when 0 then 'Raise' else 'Wait for them, or raise' end,
                       gendurable._policy(v_key)),
                null::timestamptz;
        end if;
    end if;
end
$$;
comment on function gendurable._why_limited(gendurable.instances)
    is 'The limits that keep a runnable instance from starting.';
