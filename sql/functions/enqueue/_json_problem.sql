-- Says what is wrong with the JSON of an instance that is to be created, whatever its values
-- are; null: nothing.
create function gendurable._json_problem(p_entry jsonb, p_fields text[]) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return case
        when jsonb_typeof(p_entry) <> 'object' then jsonb_typeof(p_entry) || ', not an object'
        when p_entry - p_fields <> '{}'
            then gendurable._unknown_field(p_entry, p_fields)
        else (select f || ' is ' || jsonb_typeof(p_entry -> f) || ', not a string'
              from unnest(array['fsm', 'step', 'queue',
                                'correlation_key', 'concurrency_key', 'rate_limit']) as f
              where jsonb_typeof(p_entry -> f) in ('object', 'array')
              limit 1)
    end;
end
$$;
comment on function gendurable._json_problem(jsonb, text[])
    is 'What is wrong with the JSON of an instance to be created, or null.';
