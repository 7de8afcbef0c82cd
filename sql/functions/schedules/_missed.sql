-- Which occurrences of a schedule are fired now, of those from the first undecided one on, and
-- which is the first after now (null: none within ten years).
--
-- one:  the latest.
-- skip: those that are not more than a minute late.
-- all:  every one; of more than a thousand the latest thousand.
create function gendurable._missed(p_plan gendurable.cron, p_zone text, p_missed text,
                                   p_first timestamptz, p_now timestamptz,
                                   out fire timestamptz[], out next_at timestamptz)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    c_most   constant int := 1000;
    v_latest timestamptz := gendurable._latest_occurrence(p_plan, p_zone, p_first, p_now);
    v_at     timestamptz := p_first;
begin
    next_at := gendurable._next_occurrence(p_plan, p_zone, v_latest);
    if p_missed = 'one' or v_latest = p_first then
        fire := array[v_latest];
        if p_missed = 'skip' and v_latest < p_now - interval '1 minute' then
            fire := '{}';
        end if;
        return;
    end if;
    if p_missed = 'skip' and p_first < p_now - interval '1 minute' then
        v_at := gendurable._next_occurrence(
            p_plan, p_zone,
            gendurable._latest_occurrence(p_plan, p_zone, p_first,
                                          p_now - interval '1 minute 1 microsecond'));
    end if;
    fire := '{}';
    while v_at <= p_now and cardinality(fire) <= c_most loop
        fire := fire || v_at;
        v_at := gendurable._next_occurrence(p_plan, p_zone, v_at);
    end loop;
    if cardinality(fire) > c_most then
        -- From the other end.
        fire := array[v_latest];
        while cardinality(fire) < c_most loop
            v_latest := gendurable._latest_occurrence(p_plan, p_zone, p_first,
                                                      v_latest - interval '1 microsecond');
            fire := v_latest || fire;
        end loop;
    end if;
end
$$;
comment on function gendurable._missed(gendurable.cron, text, text, timestamptz, timestamptz)
    is 'Which occurrences of a schedule are fired now, and which is the next.';
