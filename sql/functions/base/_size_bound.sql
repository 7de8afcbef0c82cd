-- What gendurable._json_size of a stored value cannot exceed, told without looking into it.
--
-- No value is compressed to less than 1/255 of its bytes. The text of one has up to six times its
-- bytes, if most are control characters, and up to 8192 times, if they are numbers like 1e131071.
-- A short one is taken to have none of these: at worst it is 82 MB, of which no pick fails.
create function gendurable._size_bound(p_value jsonb) returns bigint
language sql stable parallel safe
return case
    when p_value is null then 0
    when pg_column_size(p_value) <= 10000 and pg_column_compression(p_value) is null
        then 6 * pg_column_size(p_value)::bigint
    else 255 * 8192 * pg_column_size(p_value)::bigint
end;
comment on function gendurable._size_bound(jsonb)
    is 'What the size of a stored value cannot exceed.';
