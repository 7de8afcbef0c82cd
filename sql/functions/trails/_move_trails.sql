-- Moves the trails of the kinds of which the caller has claimed instances; of some, drawn by lot,
-- where they are very many.
--
-- gendurable._drawn says of which claims, and when, so that a quiet engine pays nothing.
-- Locks, Writes: as gendurable._move_trail. Plan: instances_pkey.
create function gendurable._move_trails(p_ids bigint[]) returns void
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
        from (select distinct (i.lane >> 40)::int as kind from gendurable.instances as i
              where i.id = any (p_ids)) as k
        order by random()
        limit 16
    loop
        perform gendurable._move_trail(v_kind, p_ids);
    end loop;
end
$$;
comment on function gendurable._move_trails(bigint[])
    is 'Moves the trails of the kinds of which the caller has claimed instances.';
