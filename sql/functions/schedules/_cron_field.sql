-- Reads one field of a cron expression: the numbers that it allows as bits, or what is wrong.
--
-- A field is a list of `*`, a number, a range or any of them with a step. A step counts from the
-- first number, and that of a single number goes on to the end of the field: 5/20 is 5, 25, 45.
create function gendurable._cron_field(p_field text, p_text text, out bits bigint, out problem text)
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_least int := case when p_field in ('day-of-month', 'month') then 1 else 0 end;
    v_most  int := case p_field when 'minute' then 59 when 'hour' then 23
                                when 'day-of-month' then 31 when 'month' then 12 else 7 end;
    v_names text[] := case p_field
        when 'month' then '{JAN,FEB,MAR,APR,MAY,JUN,JUL,AUG,SEP,OCT,NOV,DEC}'::text[]
        when 'day-of-week' then '{SUN,MON,TUE,WED,THU,FRI,SAT}' end;
    v_term  text;
    v_part  text[];
    v_from  int;
    v_to    int;
    v_step  int;
begin
    bits := 0;
    foreach v_term in array string_to_array(upper(p_text), ',') loop
        v_part := regexp_match(v_term, '^(\*|[^-/*]+)(?:-([^-/*]+))?(?:/([0-9]+))?$');
        v_from := case when v_part[1] = '*' then v_least
                       else gendurable._cron_number(v_part[1], v_names, v_least) end;
        v_to := case when v_part[1] = '*' then v_most
                     when v_part[2] is null then v_from
                     else gendurable._cron_number(v_part[2], v_names, v_least) end;
        -- A step that is greater than any field allows the first number alone.
        v_step := case when v_part[3] is null then 1
                       when ltrim(v_part[3], '0') = '' then 0
                       when length(ltrim(v_part[3], '0')) > 4 then 9999
                       else v_part[3]::int end;
        if v_from is null or v_to is null or v_part[1] = '*' and v_part[2] is not null then
            problem := format('%L is no number, range, step or name', left(v_term, 40));
        elsif v_from not between v_least and v_most or v_to not between v_least and v_most then
            problem := format('%L is not within %s-%s', left(v_term, 40), v_least, v_most);
        elsif v_to < v_from then
            problem := format('%L ends before it begins', left(v_term, 40));
        elsif v_step = 0 then
            problem := format('%L has a step of 0', left(v_term, 40));
        end if;
        if problem is not null then
            problem := p_field || ': ' || problem;
            return;
        end if;
        if v_part[3] is not null and v_from = v_to then
            v_to := v_most;
        end if;
        bits := bits | (select bit_or(1::bigint << n)
                        from generate_series(v_from, v_to, v_step) as n);
    end loop;
end
$$;
comment on function gendurable._cron_field(text, text)
    is 'Reads one field of a cron expression: allowed numbers as bits, or what is wrong.';
