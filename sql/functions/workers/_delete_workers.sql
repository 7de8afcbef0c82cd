-- Deletes workers and all that belongs to them but their claims. The caller holds their rows FOR
-- UPDATE.
--
-- Locks: none but the rows that it deletes. Writes: workers, machines.
-- Plan:  workers_pkey, machines_pkey.
create function gendurable._delete_workers(p_workers bigint[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
begin
    delete from gendurable.machines as m where m.worker_id = any (p_workers);
    delete from gendurable.workers as w where w.id = any (p_workers);
end
$$;
comment on function gendurable._delete_workers(bigint[])
    is 'Deletes workers and what belongs to them.';
