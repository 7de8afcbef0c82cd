-- The name of a concurrency key or a rate key, by which its policy is looked up: what is before the
-- first colon. The one place that knows how a key is put together.
create function gendurable._policy(p_key text) returns text
language sql immutable parallel safe
return split_part(p_key, ':', 1);
comment on function gendurable._policy(text) is 'The name of a key, by which policy is looked up.';
