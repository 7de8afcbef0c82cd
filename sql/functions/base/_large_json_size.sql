-- gendurable._json_size of a value that is large or compressed; 1 GB where no text can hold it.
--
-- gendurable._size_bound says how much longer the text of a value is.
create function gendurable._large_json_size(p_value jsonb) returns bigint
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_value jsonb := p_value #> '{}';    -- decompressed once
begin
    return greatest(pg_column_size(v_value), octet_length(v_value::text))::bigint;
-- Which of the two depends on where the gigabyte is exceeded.
exception when program_limit_exceeded or internal_error then
    return bigint '1073741824';
end
$$;
comment on function gendurable._large_json_size(jsonb)
    is 'How many bytes a large JSON value takes; 1 GB where it is too long for a text.';
