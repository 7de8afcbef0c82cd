-- The instance that a correlation key stands for: its occupant, else the newest that carried it and
-- can be addressed by it; null if there is none.
--
-- Plan: correlation_keys_pkey, instances_scoped_key, finished_key in each partition, kept_key.
create function gendurable._resolve_key(p_key text) returns bigint
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
begin
    return coalesce(
        (select k.instance_id from gendurable.correlation_keys as k where k.key = p_key),
        greatest(
            (select i.id from gendurable.instances as i
             where i.correlation_key = p_key and i.correlation_scope <> '{}'
             order by i.correlation_key, i.id desc limit 1),
            (select max(f.id) from gendurable.archive as f
             where f.correlation_key = p_key and coalesce(f.correlation_scope <> '{}', true))));
end
$$;
comment on function gendurable._resolve_key(text) is
    'The instance that a correlation key stands for.';
