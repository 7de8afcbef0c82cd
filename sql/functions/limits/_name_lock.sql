-- The advisory lock of a name of concurrency keys ('slot', 'concurrency_limit') or of rate keys
-- ('tokens', 'rate_limit'), given one of its keys.
--
-- On the name, folded into 64, so that no batch of distinct keys can exhaust the shared lock table.
create function gendurable._name_lock(p_kind gendurable.doorbell_kind, p_key text) returns bigint
language sql immutable parallel safe
return (case when p_kind in ('tokens', 'rate_limit') then 26471 else 26468 end)::bigint << 32
       | (hashtext(gendurable._policy(p_key)) & 63);
comment on function gendurable._name_lock(gendurable.doorbell_kind, text)
    is 'The advisory lock of the name of a key.';
