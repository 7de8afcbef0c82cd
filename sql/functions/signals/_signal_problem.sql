-- Says what is wrong with a signal that is to be delivered; null: nothing.
create function gendurable._signal_problem(p_key text, p_id bigint, p_name text, p_dedup_key text)
returns text
language sql immutable parallel safe
return case
    when p_key is null and p_id is null then 'target is required'
    when p_name is null or p_name = '' then 'name is required'
    when gendurable._too_long(p_key) then gendurable._too_long_problem('target', p_key)
    when gendurable._too_long(p_name) then gendurable._too_long_problem('name', p_name)
    when gendurable._too_long(p_dedup_key)
        then gendurable._too_long_problem('dedup_key', p_dedup_key)
end;
comment on function gendurable._signal_problem(text, bigint, text, text) is
    'What is wrong with a signal to be delivered, or null.';
