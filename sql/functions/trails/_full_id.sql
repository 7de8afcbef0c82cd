-- The whole id of a transaction of which the lower half is known, and one that was given before it,
-- less than 2^32 ids earlier.
create function gendurable._full_id(p_before xid8, p_id xid) returns xid8
language sql immutable parallel safe
return (p_before::text::bigint
        + ((p_id::text::bigint - p_before::text::bigint) & 4294967295))::text::xid8;
comment on function gendurable._full_id(xid8, xid)
    is 'The whole id of a transaction of which the lower half is known.';
