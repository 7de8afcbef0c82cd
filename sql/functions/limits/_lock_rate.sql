-- Tries to become the one who decides about a rate key until the transaction ends: who is granted
-- tokens, who has to wait. On the name, as gendurable._lock_key.
--
-- Locks: an advisory transaction lock, never waiting.
create function gendurable._lock_rate(p_key text) returns boolean
language sql volatile
return pg_try_advisory_xact_lock(26471, hashtext(split_part(p_key, ':', 1)) & 63);
comment on function gendurable._lock_rate(text) is 'Tries to lock the name of a rate key.';
