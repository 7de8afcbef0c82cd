-- Tries to become the transaction that maintains the archive, until it ends.
--
-- Locks: an advisory transaction lock, never waiting.
create function gendurable._lock_maintenance() returns boolean
language sql volatile
return pg_try_advisory_xact_lock(26470, 0);
comment on function gendurable._lock_maintenance()
    is 'Tries to become the transaction that maintains the archive.';
