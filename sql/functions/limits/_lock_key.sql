-- Tries to become the one who decides about a concurrency key until the transaction ends: who is
-- admitted, who has to wait, which doorbells are answered.
--
-- The lock is on the key's name (the policy), folded into 64, so that no batch of distinct keys can
-- exhaust the shared lock table.
-- Locks: an advisory transaction lock, never waiting.
create function gendurable._lock_key(p_key text) returns boolean
language sql volatile
return pg_try_advisory_xact_lock(26468, hashtext(split_part(p_key, ':', 1)) & 63);
comment on function gendurable._lock_key(text) is 'Tries to lock the name of a concurrency key.';
