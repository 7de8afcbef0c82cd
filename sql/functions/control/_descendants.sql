-- An instance and, with p_cascade, all that descends from it, live or finished.
--
-- Plan: instances_parent, finished_parent in each partition, kept_parent.
create function gendurable._descendants(p_root bigint, p_cascade boolean) returns bigint[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
begin
    return array(
        with recursive tree as (
            select p_root as id
            union
            select c.id
            from tree as t
            cross join lateral (
                select i.id from gendurable.instances as i where i.parent_id = t.id
                union all
                select f.id from gendurable.archive as f where f.parent_id = t.id
            ) as c
            where p_cascade
        )
        select t.id from tree as t);
end
$$;
comment on function gendurable._descendants(bigint, boolean) is 'An instance and its descendants.';
