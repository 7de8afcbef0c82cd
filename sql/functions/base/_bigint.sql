-- A JSON number as bigint; null where it is none.
create function gendurable._bigint(p_value jsonb) returns bigint
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return case when jsonb_typeof(p_value) = 'number' then p_value::text::bigint end;
exception when data_exception then
    return null;
end
$$;
comment on function gendurable._bigint(jsonb) is 'A JSON number as bigint, or null.';
