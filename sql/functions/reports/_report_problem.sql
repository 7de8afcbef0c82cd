-- Says what is wrong with a report; null: nothing.
create function gendurable._report_problem(p_report jsonb) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    c_fields  constant jsonb := jsonb '{"progress": ["id", "fence", "progress"],
        "steps": ["queue", "fsm", "step", "kind", "count", "seconds", "slowest"]}';
    v_list    text;
    v_fields  text[];
    v_problem text;
begin
    if jsonb_typeof(p_report) is distinct from 'object' then
        return format('report is %s, not an object', coalesce(jsonb_typeof(p_report), 'null'));
    elsif p_report - '{progress,steps}'::text[] <> '{}' then
        return gendurable._unknown_field(p_report, '{progress,steps}');
    end if;
    foreach v_list in array '{progress,steps}'::text[] loop
        continue when coalesce(jsonb_typeof(p_report -> v_list), 'null') = 'null';
        if jsonb_typeof(p_report -> v_list) <> 'array' then
            return format('%s is %s, not an array', v_list, jsonb_typeof(p_report -> v_list));
        end if;
        v_fields := array(select jsonb_array_elements_text(c_fields -> v_list));
        select format('%s, ord %s: %s', v_list, x.ord, x.problem) into v_problem
        from (select e.ord, case
                  when jsonb_typeof(e.element) <> 'object' then 'not an object'
                  when e.element - v_fields <> '{}'
                      then gendurable._unknown_field(e.element, v_fields)
                  else (select f.name || ': expected '
                               || case when f.name in ('id', 'fence') then 'an integer'
                                       when f.name = 'count' then 'an integer from 0 to 10^12'
                                       when f.name in ('seconds', 'slowest')
                                           then 'a number of zero or more'
                                       else 'a text of 1 to 1,000 bytes' end
                        from unnest(v_fields) with ordinality as f (name, place)
                        where not case
                            when f.name = 'progress' then true
                            when f.name in ('id', 'fence')
                                then gendurable._bigint(e.element -> f.name) is not null
                            when f.name = 'count'
                                then coalesce(gendurable._bigint(e.element -> f.name)
                                              between 0 and 1000000000000, false)
                            when f.name in ('seconds', 'slowest')
                                then jsonb_typeof(e.element -> f.name) is not distinct from 'number'
                                     and (e.element ->> f.name)::numeric between 0 and 1e15
                            else jsonb_typeof(e.element -> f.name) is not distinct from 'string'
                                 and e.element ->> f.name <> ''
                                 and not gendurable._too_long(e.element ->> f.name) end
                        order by f.place limit 1) end as problem
              from jsonb_array_elements(p_report -> v_list) with ordinality as e (element, ord)
             ) as x
        where x.problem is not null
        order by x.ord limit 1;
        exit when v_problem is not null;
    end loop;
    return v_problem;
end
$$;
comment on function gendurable._report_problem(jsonb) is 'What is wrong with a report, or null.';
