-- What gendurable._json_size of a stored value cannot exceed, told without looking into it: no
-- value is compressed to less than 1/255 of its bytes, and its text has no more than six times
-- those.
create function gendurable._size_bound(p_value jsonb) returns bigint
language sql stable parallel safe
return case when p_value is null then 0
            when pg_column_compression(p_value) is null then 6 * pg_column_size(p_value)::bigint
            else 6 * 255 * pg_column_size(p_value)::bigint end;
comment on function gendurable._size_bound(jsonb)
    is 'What the size of a stored value cannot exceed.';
