-- Becomes the transaction that maintains the archive, until it ends, waiting for the one that is.
--
-- Locks: an advisory transaction lock (see gendurable._lock_maintenance).
create function gendurable._await_maintenance() returns void
language sql volatile
return pg_advisory_xact_lock(26470, 0);
comment on function gendurable._await_maintenance()
    is 'Waits to become the transaction that maintains the archive.';
