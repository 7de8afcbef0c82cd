-- The ids of all instances whose correlation key begins with a prefix; null: more than p_most.
--
-- Planned each time, because an index is only used if the planner knows the prefix.
-- Locks: none. Writes: nothing.
-- Plan:  correlation_keys_pkey, instances_scoped_key, finished_key, kept_key: p_most + 1 entries of
--        each.
create function gendurable._with_prefix(p_prefix text, p_most int) returns bigint[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_ids bigint[] := array(
        (select k.instance_id from gendurable.correlation_keys as k
         where k.key ^@ p_prefix limit p_most + 1)
        union
        (select i.id from gendurable.instances as i
         where i.correlation_scope is not null and i.correlation_key ^@ p_prefix limit p_most + 1)
        union
        (select f.id from gendurable.archive as f
         where f.correlation_key ^@ p_prefix limit p_most + 1));
begin
    return case when cardinality(v_ids) <= p_most then v_ids end;
end
$$;
comment on function gendurable._with_prefix(text, int)
    is 'The instances whose correlation key begins with a prefix, unless they are too many.';
