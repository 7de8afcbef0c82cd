-- The virtual partition, 0 to 63, that a key belongs to: the same in every database, of any version
-- and encoding.
create function gendurable._partition(p_key text) returns int
language sql stable
return get_byte(sha256(convert_to(p_key, 'UTF8')), 0) & 63;
comment on function gendurable._partition(text) is 'The virtual partition that a key belongs to.';
