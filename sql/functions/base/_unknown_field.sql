-- Says which field of a JSON object is none of the known ones, the first by name.
create function gendurable._unknown_field(p_object jsonb, p_fields text[]) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return 'unknown field ' || (select min(f) from jsonb_object_keys(p_object - p_fields) as f);
end
$$;
comment on function gendurable._unknown_field(jsonb, text[])
    is 'Says which field of a JSON object is unknown.';
