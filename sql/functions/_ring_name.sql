-- Lets the next pick look at every key of a name that has waiting instances, and wakes whoever may pick them.
--
-- Locks: none. Writes: handovers. Plan: instances_keyed, walked key by key.
create function gendurable._ring_name(p_name text) returns int
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_key  text := '';
    v_rung int := 0;
begin
    -- The keys of a name need not be neighbours in the database's collation, so the walk covers all keys that wait.
    loop
        select i.concurrency_key into v_key from gendurable.instances as i
        where i.concurrency_key > v_key and i.phase = 'held'
        order by i.concurrency_key
        limit 1;
        exit when not found;
        if split_part(v_key, ':', 1) = p_name then
            perform gendurable._ring(array[v_key]);
            v_rung := v_rung + 1;
        end if;
    end loop;
    return v_rung;
end
$$;
comment on function gendurable._ring_name(text) is 'Lets the next pick look at every key of a name.';
