-- Brings the correlation keys of instances with a scope of their own in line with the status that
-- they have now: a key is occupied exactly in the statuses of its scope, and one that was left is
-- taken back only if it is free.
--
-- Locks:  the caller holds the instances; then see gendurable._try_take_keys.
-- Writes: correlation_keys.
-- Plan:   instances_pkey, correlation_keys_pkey.
create function gendurable._sync_keys(p_ids bigint[], p_patience text default '1ms') returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
begin
    delete from gendurable.correlation_keys as k
    using gendurable.instances as i
    where i.id = any (p_ids)
      and not gendurable._occupies(i.correlation_key, i.correlation_scope,
                                   gendurable._status(i.phase))
      and k.key = i.correlation_key and k.instance_id = i.id;

    perform gendurable._try_take_keys(array_agg(i.correlation_key), array_agg(i.id), p_patience)
    from gendurable.instances as i
    where i.id = any (p_ids)
      and gendurable._occupies(i.correlation_key, i.correlation_scope,
                               gendurable._status(i.phase))
    having count(*) > 0;
end
$$;
comment on function gendurable._sync_keys(bigint[], text)
    is 'Frees and takes correlation keys according to their scopes.';
