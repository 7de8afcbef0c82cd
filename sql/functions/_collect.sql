-- Forgets what finished before the cut-off; answers how many instances. Partitions last, because dropping holds the archive's exclusive lock until
-- the transaction ends.
--
-- Locks: the caller holds the maintenance lock; then see gendurable._forget_finished and gendurable._drop_partitions. Writes: finished.
create function gendurable._collect(p_cutoff timestamptz, p_batch int) returns int
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    return gendurable._forget_finished(p_cutoff, p_batch) + gendurable._drop_partitions(p_cutoff);
end
$$;
comment on function gendurable._collect(timestamptz, int) is 'Forgets what finished before the cut-off.';
