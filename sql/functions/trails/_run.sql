-- The run of a transaction: sixteen ids share one.
create function gendurable._run(p_xid xid8) returns bigint
language sql immutable parallel safe
return p_xid::text::bigint >> 4;
comment on function gendurable._run(xid8) is 'The run of a transaction.';
