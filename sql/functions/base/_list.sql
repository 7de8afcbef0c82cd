-- A list of texts for a message. (array_to_string is STABLE for the sake of other types, and would
-- keep its callers from being inlined.)
create function gendurable._list(p_items text[]) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return array_to_string(p_items, ', ', 'null');
end
$$;
comment on function gendurable._list(text[]) is 'A list of texts for a message.';
