-- Whether children of a round outlive the retention, because their parent lives, or is kept as
-- failed in the step that the join of this round woke: gd_retry may bring it back, and that step is
-- handed them again.
--
-- p_cutoff: failed instances that finished before it are not kept.
-- Locks: none. Writes: nothing. Plan: instances_pkey; finished_pkey in each partition, kept_pkey.
create function gendurable._needs_children(p_parent bigint, p_round int, p_cutoff timestamptz)
returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
begin
    if exists (select from gendurable.instances as i where i.id = p_parent) then
        return true;
    end if;
    return exists (
        select from gendurable.archive as f
        where f.id = p_parent and f.failed and f.joined_round = p_round
          and f.finished_at >= p_cutoff);
end
$$;
comment on function gendurable._needs_children(bigint, int, timestamptz)
    is 'Whether a parent may still be handed its children of a round.';
