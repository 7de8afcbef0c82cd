-- How many bytes the list of an instance's children takes: without what they carry, and with it.
--
-- A function of its own, so that only a pick that hands out a join touches the archive: a plan that
-- mentions it locks its partitions, and would wait for the maintenance that drops one.
-- Locks: none. Writes: nothing. Plan: as gendurable._child_rows.
create function gendurable._weigh_children(p_parent_id bigint, p_round int, p_duplicates jsonb)
returns bigint[]
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
    return (
        select array[sum(gendurable._listed_size(c.fsm))::bigint,
                     sum(gendurable._listed_size(c.fsm, c.result) + gendurable._json_size(c.error)
                         + gendurable._json_size(c.state))::bigint]
        from gendurable._child_rows(p_parent_id, p_round, p_duplicates) as c);
end
$$;
comment on function gendurable._weigh_children(bigint, int, jsonb)
    is 'How many bytes the list of an instance''s children takes.';
