-- Reads a cron expression: five fields, a name such as @daily, or @every with an interval.
-- `problem` says what is wrong with it; null: nothing.
--
-- @every takes what each of its parts counts for: months and days by the calendar of the time zone,
-- hours and less as they are. So none of the parts may be negative.
create function gendurable._parse_cron(p_cron text, out plan gendurable.cron, out problem text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_words text[] := regexp_split_to_array(
        btrim(p_cron, e' \t\n\r\f\v'), '\s+');
    v_every interval;
    v_field record;
    v_bits  bigint[] := array[]::bigint[];
begin
    if lower(v_words[1]) = '@every' then
        begin
            v_every := array_to_string(v_words[2:], ' ')::interval;
        exception when data_exception then
            v_every := null;
        end;
        if v_every is null or not isfinite(v_every) then
            problem := format('%L is no interval', left(array_to_string(v_words[2:], ' '), 40));
        elsif v_every < '1 second'
              or extract(year from v_every) < 0 or extract(month from v_every) < 0
              or extract(day from v_every) < 0
              or v_every - make_interval(months => 12 * extract(year from v_every)::int
                                                   + extract(month from v_every)::int,
                                         days => extract(day from v_every)::int) < '0' then
            problem := format('@every takes one second or more, no part negative, not %s', v_every);
        end if;
        plan.every := v_every;
        return;
    end if;

    if v_words[1] like '@%' then
        v_words := string_to_array(case when cardinality(v_words) = 1 then case lower(v_words[1])
            when '@hourly' then '0 * * * *'
            when '@daily' then '0 0 * * *'
            when '@midnight' then '0 0 * * *'
            when '@weekly' then '0 0 * * 0'
            when '@monthly' then '0 0 1 * *'
            when '@yearly' then '0 0 1 1 *'
            when '@annually' then '0 0 1 1 *' end end, ' ');
        if v_words is null then
            problem := format('%L is none of @hourly @daily @midnight @weekly @monthly @yearly '
                              '@annually @every', left(p_cron, 40));
            return;
        end if;
    elsif cardinality(v_words) <> 5 then
        problem := format('%s fields instead of minute hour day-of-month month day-of-week',
                          case when v_words = '{""}' then 0 else cardinality(v_words) end);
        return;
    end if;

    for v_field in
        select c.bits, c.problem
        from unnest(array['minute', 'hour', 'day-of-month', 'month', 'day-of-week'], v_words)
             with ordinality as f (name, text, n)
        cross join lateral gendurable._cron_field(f.name, f.text) as c
        order by f.n
    loop
        problem := v_field.problem;
        exit when problem is not null;
        v_bits := v_bits || v_field.bits;
    end loop;
    plan.minutes := v_bits[1];
    plan.hours := v_bits[2];
    plan.days := v_bits[3];
    plan.months := v_bits[4];
    -- Sunday is 0 and 7.
    plan.weekdays := v_bits[5] | ((v_bits[5] & 1) << 7) | (v_bits[5] >> 7);
    plan.both_days := v_words[3] like '*%' or v_words[5] like '*%';
    plan.at_times := v_words[1] not like '*%' and v_words[2] not like '*%';
end
$$;
comment on function gendurable._parse_cron(text)
    is 'Reads a cron expression, or says what is wrong with it.';
