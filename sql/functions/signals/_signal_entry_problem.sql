-- Says what is wrong with an entry of gd_signal_many; null: nothing.
create function gendurable._signal_entry_problem(p_entry jsonb) returns text
language sql immutable parallel safe
return case
    when jsonb_typeof(p_entry) <> 'object' then jsonb_typeof(p_entry) || ', not an object'
    when p_entry - array['target', 'id', 'name', 'payload', 'dedup_key'] <> '{}'
        then gendurable._unknown_field(
            p_entry, array['target', 'id', 'name', 'payload', 'dedup_key'])
    when p_entry ->> 'target' is not null and p_entry ->> 'id' is not null
        then 'both target and id are given'
    when p_entry ->> 'id' !~ '^[0-9]{1,18}$'
         or p_entry ->> 'target' !~ '^[0-9]{1,18}$'
            and jsonb_typeof(p_entry -> 'target') <> 'string'
        then 'target is a correlation key or an instance id, id an instance id'
    when jsonb_typeof(p_entry -> 'name') not in ('string', 'null') then 'name is not a string'
    when jsonb_typeof(p_entry -> 'dedup_key') not in ('string', 'null')
        then 'dedup_key is not a string'
    else gendurable._signal_problem(coalesce(p_entry ->> 'target', p_entry ->> 'id'), null,
                                    p_entry ->> 'name', p_entry ->> 'dedup_key')
end;
comment on function gendurable._signal_entry_problem(jsonb)
    is 'What is wrong with an entry of gd_signal_many, or null.';
