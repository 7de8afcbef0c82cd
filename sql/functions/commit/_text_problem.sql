-- Says which of an outcome's texts is none, or which awaited name is empty or too long;
-- null: all is well.
create function gendurable._text_problem(p_outcome jsonb) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce(
        (select f || ' is ' || jsonb_typeof(p_outcome -> f) || ', not a string'
         from unnest(array['step', 'rate_limit', 'concurrency_key']) as f
         where jsonb_typeof(p_outcome -> f) in ('object', 'array')
         limit 1),
        (select case when jsonb_typeof(n) in ('object', 'array')
                     then 'a name is ' || jsonb_typeof(n) || ', not a string'
                     else gendurable._too_long_problem('a name') end
         from jsonb_path_query(p_outcome, '$.names[*]') as n
         where p_outcome ->> 'kind' = 'await'
           and (jsonb_typeof(n) in ('object', 'array')
                or n = '""' or gendurable._too_long(n #>> '{}'))
         limit 1));
end
$$;
comment on function gendurable._text_problem(jsonb) is
    'Which text of an outcome is none, or which awaited name is no name, or null.';
