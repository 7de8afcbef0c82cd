-- The number of the latest batch of children of an instance, so that a revived one does not mistake
-- old children for new ones; nor maintenance, which may have to clear a round up of which none is
-- left.
--
-- Plan: finished_parent in each partition, kept_parent, instances_parent, dismissals_pkey.
create function gendurable._last_round(p_parent_id bigint) returns int
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
begin
    return greatest(
        (select max(f.parent_round) from gendurable.archive as f where f.parent_id = p_parent_id),
        (select max(i.parent_round) from gendurable.instances as i where i.parent_id = p_parent_id),
        (select max(d.round) from gendurable.dismissals as d where d.parent_id = p_parent_id),
        0);
end
$$;
comment on function gendurable._last_round(bigint)
    is 'The number of the latest batch of children of an instance.';
