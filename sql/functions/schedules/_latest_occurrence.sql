-- The latest occurrence of a cron expression up to a moment, counted from an earlier occurrence:
-- that one if there is none later.
--
-- Found by halving, so that the answer costs some twenty looks after a downtime of any length.
create function gendurable._latest_occurrence(p_plan gendurable.cron, p_zone text,
                                              p_first timestamptz, p_until timestamptz)
returns timestamptz
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_low    timestamptz := p_first;
    v_high   timestamptz := p_until;
    v_middle timestamptz;
    v_next   timestamptz;
    v_steps  numeric;
begin
    if p_plan.every is not null then
        if p_plan.every < '1 day' then
            v_steps := floor(extract(epoch from p_until - p_first)
                             / extract(epoch from p_plan.every));
            return p_first
                + (v_steps * extract(epoch from p_plan.every) || ' seconds')::interval;
        end if;
        loop
            v_next := gendurable._later(v_low, p_plan.every, p_zone);
            exit when coalesce(v_next > p_until, true);
            v_low := v_next;
        end loop;
        return v_low;
    end if;
    while v_high - v_low >= '1 minute' loop
        v_middle := v_low + (v_high - v_low) / 2;
        v_next := gendurable._next_occurrence(p_plan, p_zone, v_middle);
        if v_next <= p_until then
            v_low := v_next;
        else
            -- None of them is later than the middle.
            v_high := v_middle;
        end if;
    end loop;
    return v_low;
end
$$;
comment on function gendurable._latest_occurrence(gendurable.cron, text, timestamptz, timestamptz)
    is 'The latest occurrence of a cron expression up to a moment.';
