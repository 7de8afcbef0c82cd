-- Whether a name or a key is longer than it may be: 1,000 bytes.
create function gendurable._too_long(p_text text) returns boolean
language sql immutable parallel safe
return octet_length(p_text) > 1000;
comment on function gendurable._too_long(text) is 'Whether a name or a key is too long.';
