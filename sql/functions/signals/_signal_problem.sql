-- Says what is wrong with a signal that is to be delivered; null: nothing.
create function gendurable._signal_problem(p_key text, p_id bigint, p_name text, p_dedup_key text)
returns text
language sql immutable parallel safe
return case
    when p_key is null and p_id is null then 'target is required'
    when p_name is null or p_name = '' then 'name is required'
    when octet_length(p_key) > 1000
        then 'target is longer than 1,000 bytes: ' || left(p_key, 40) || '...'
    when octet_length(p_name) > 1000
        then 'name is longer than 1,000 bytes: ' || left(p_name, 40) || '...'
    when octet_length(p_dedup_key) > 1000
        then 'dedup_key is longer than 1,000 bytes: ' || left(p_dedup_key, 40) || '...'
end;
comment on function gendurable._signal_problem(text, bigint, text, text) is
    'What is wrong with a signal to be delivered, or null.';
