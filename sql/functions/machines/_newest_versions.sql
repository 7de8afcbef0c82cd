-- The versions of the machines of those entries that name none: {fsm: version}. Null: no worker
-- ever declared any machine, so that all are 1.
--
-- Locks: none. Writes: nothing. Plan: as gendurable._newest_version, once a machine.
create function gendurable._newest_versions(p_entries gendurable.entry[]) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
begin
    if not exists (select from gendurable.versions as v) then
        return null;
    end if;
    return (select jsonb_object_agg(d.fsm, gendurable._newest_version(d.fsm))
            from (select distinct e.fsm from unnest(p_entries) as e
                  where e.fsm_version is null) as d);
end
$$;
comment on function gendurable._newest_versions(gendurable.entry[])
    is 'The versions of the machines of entries that name none.';
