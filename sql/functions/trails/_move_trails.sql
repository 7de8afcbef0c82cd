-- Moves the trails of some kinds, and of those of which the caller has claimed instances, or is
-- about to cancel some; where they are very many, of some drawn by lot.
--
-- gendurable._drawn says of which claims, and when, so that a quiet engine pays nothing. The caller
-- is READ COMMITTED: a move asks which transactions are open, and looks later.
-- Locks, Writes: as gendurable._move_trail. Plan: instances_pkey.
create function gendurable._move_trails(p_ids bigint[], p_kinds int[] default null) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_kind int;
begin
    for v_kind in
        select k.kind
        from (select (i.lane >> 40)::int as kind from gendurable.instances as i
              where i.id = any (p_ids)
              union
              select unnest(p_kinds)) as k
        order by random()
        limit 16
    loop
        perform gendurable._move_trail(v_kind, p_ids);
    end loop;
end
$$;
comment on function gendurable._move_trails(bigint[], int[])
    is 'Moves the trails of kinds, behind what the caller has claimed or is about to cancel.';
