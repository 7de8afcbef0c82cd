-- How many bytes a value takes, in a JSON array or as text, whichever is more; null takes none.
--
-- Compressed, a value may be a hundredth of that.
create function gendurable._json_size(p_value jsonb) returns bigint
language sql stable parallel safe
return case
    when p_value is null then 0
    when pg_column_size(p_value) > 10000 or pg_column_compression(p_value) is not null
        then gendurable._large_json_size(p_value)
    else greatest(pg_column_size(p_value), octet_length(p_value::text))::bigint
end;
comment on function gendurable._json_size(jsonb) is 'How many bytes a JSON value takes.';
