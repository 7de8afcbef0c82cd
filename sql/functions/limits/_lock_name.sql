-- Tries to become the transaction that decides about a name until it ends: which instances are
-- admitted, which have to wait, which doorbells are answered. See gendurable._name_lock.
--
-- Locks: an advisory transaction lock, never waiting.
create function gendurable._lock_name(p_kind gendurable.doorbell_kind, p_key text) returns boolean
language sql volatile
return pg_try_advisory_xact_lock(gendurable._name_lock(p_kind, p_key))
       or gendurable._look_again();
comment on function gendurable._lock_name(gendurable.doorbell_kind, text)
    is 'Tries to become the transaction that decides about the name of a key.';
