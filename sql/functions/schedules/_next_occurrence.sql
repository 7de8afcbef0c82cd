-- The first moment after another one that a cron expression names in a time zone; null: none within
-- ten years.
--
-- What changes of the clocks do is what Debian's cron does. An expression of times (minute and hour
-- both begin with no star) goes by the local time alone: a time that the clocks skip comes at the
-- first minute after the gap, one that they show twice comes the first time. All others go by what
-- the clocks show, minute by minute.
create function gendurable._next_occurrence(p_plan gendurable.cron, p_zone text,
                                            p_after timestamptz)
returns timestamptz
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_local   timestamp := p_after at time zone p_zone;
    v_end     timestamp;
    v_moment  timestamptz;    -- when the clocks show v_local; not kept for an expression of times
    v_before  timestamp;
    v_hour    timestamp;
    v_step    interval;
    v_minutes int;
    v_dom     boolean;
    v_dow     boolean;
begin
    if not p_after between '0001-01-01' and '9000-01-01' then
        return null;
    elsif p_plan.every is not null then
        if p_plan.every > '11 years' then
            return null;
        end if;
        v_moment := gendurable._later(p_after, p_plan.every, p_zone);
        return case when v_moment <= p_after + interval '10 years' then v_moment end;
    end if;
    v_end := v_local + interval '10 years 1 day';
    v_step := date_trunc('minute', v_local) + interval '1 minute' - v_local;
    v_local := v_local + v_step;
    if not p_plan.at_times then
        v_moment := p_after + v_step;
        v_local := v_moment at time zone p_zone;
    end if;

    while v_local < v_end loop
        -- The date: from the first day of a month to the next.
        v_before := v_local;
        while v_local < v_end loop
            if p_plan.months >> extract(month from v_local)::int & 1 = 0 then
                v_local := date_trunc('month', v_local) + interval '1 month';
                continue;
            end if;
            v_dom := p_plan.days >> extract(day from v_local)::int & 1 = 1;
            v_dow := p_plan.weekdays >> extract(isodow from v_local)::int & 1 = 1;
            exit when case when p_plan.both_days then v_dom and v_dow else v_dom or v_dow end;
            v_local := date_trunc('day', v_local) + interval '1 day';
        end loop;
        if v_local <> v_before and not p_plan.at_times then
            v_step := v_moment - p_after;
            v_moment := gendurable._instant(v_local, p_zone);
            if v_moment < p_after + v_step then
                -- The clocks went back over midnight: the day begins for the second time.
                v_moment := v_local at time zone p_zone;
            end if;
        end if;

        if p_plan.hours >> extract(hour from v_local)::int & 1 = 0 then
            v_hour := date_trunc('hour', v_local);
            if not p_plan.at_times then
                v_moment := v_moment - (v_local - v_hour);
                if v_moment at time zone p_zone <> v_hour then
                    v_moment := gendurable._instant(v_hour, p_zone);
                end if;
            end if;
            v_local := v_hour;
            loop
                if p_plan.at_times then
                    v_local := v_local + interval '1 hour';
                else
                    v_moment := v_moment + interval '1 hour';
                    v_local := v_moment at time zone p_zone;
                end if;
                exit when extract(hour from v_local) = 0
                          or p_plan.hours >> extract(hour from v_local)::int & 1 = 1;
            end loop;
            continue;
        end if;

        if p_plan.minutes >> extract(minute from v_local)::int & 1 = 0 then
            -- A single minute is gone to straight away.
            v_minutes := case when p_plan.minutes & (p_plan.minutes - 1) = 0
                then (124 - position(b'1' in p_plan.minutes::bit(64))
                      - extract(minute from v_local)::int) % 60 else 1 end;
            loop
                if p_plan.at_times then
                    v_local := v_local + make_interval(mins => v_minutes);
                else
                    v_moment := v_moment + make_interval(mins => v_minutes);
                    v_local := v_moment at time zone p_zone;
                end if;
                exit when p_plan.minutes >> extract(minute from v_local)::int & 1 = 1
                          or v_minutes = 1 and extract(minute from v_local) = 0;
                v_minutes := 1;
            end loop;
            continue;
        end if;

        if p_plan.at_times then
            v_moment := gendurable._instant(v_local, p_zone);
            while v_moment at time zone p_zone <> v_local loop
                v_local := v_local + interval '1 minute';
                v_moment := gendurable._instant(v_local, p_zone);
            end loop;
            if v_moment <= p_after then
                -- The clocks show this time for the second time.
                v_local := v_local + interval '1 minute';
                continue;
            end if;
        end if;
        return case when v_moment <= p_after + interval '10 years' then v_moment end;
    end loop;
    return null;
end
$$;
comment on function gendurable._next_occurrence(gendurable.cron, text, timestamptz)
    is 'The first moment after another one that a cron expression names, or null.';
