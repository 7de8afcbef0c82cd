-- The key of an inbox in gendurable.signals: the instance and the number of its inbox in one, so
-- that `inbox = any (...)` is a look-up of just these, however the planner goes about it. The
-- number may come round: what the earlier one held is long gone.
create function gendurable._inbox_key(p_id bigint, p_inbox int) returns bigint
language sql immutable parallel safe
return (p_id << 16) | (p_inbox & 65535);
comment on function gendurable._inbox_key(bigint, int) is 'The key of an inbox of an instance.';
