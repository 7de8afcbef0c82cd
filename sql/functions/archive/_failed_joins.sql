-- Instances that failed in a step that a join woke, since a moment, and the round of that join.
--
-- gd_retry may bring them back, and their step is then handed the children of that round again: so
-- these are kept as long as they are.
-- Locks: none. Writes: nothing. Plan: finished_joins in each partition since then.
create function gendurable._failed_joins(p_since timestamptz) returns table (id bigint, round int)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
begin
    return query
    select f.id, f.joined_round from gendurable.finished as f
    where f.failed and f.joined_round is not null and f.finished_at >= p_since;
end
$$;
comment on function gendurable._failed_joins(timestamptz)
    is 'Instances whose join step failed since a moment, with their round.';
