-- How many bytes an element of a list takes in which a signal or a child is handed out; without
-- p_value: where what it carries is left out.
create function gendurable._listed_size(p_name text, p_value jsonb default null) returns bigint
language sql stable parallel safe
return 128 + octet_length(p_name) + gendurable._json_size(p_value);
comment on function gendurable._listed_size(text, jsonb)
    is 'How many bytes an element of an inbox or a list of children takes.';
