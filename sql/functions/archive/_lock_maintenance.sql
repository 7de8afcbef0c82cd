-- Tries to become the transaction that does a task of maintenance, until it ends: 0, the archive;
-- 1, the sweep of concurrency keys.
--
-- Locks: an advisory transaction lock, never waiting.
create function gendurable._lock_maintenance(p_task int default 0) returns boolean
language sql volatile
return pg_try_advisory_xact_lock(26470, p_task);
comment on function gendurable._lock_maintenance(int)
    is 'Tries to become the transaction that does a task of maintenance.';
