-- Lets the next pick look at every concurrency key of a name for which an instance waits, and wakes whoever may pick it.
--
-- Locks: none. Writes: handovers. Plan: instances_keyed, walked key by key.
create function gendurable._ring_name(p_name text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_key text := '';
begin
    -- The keys of a name need not be neighbours in the database's collation, so the walk covers all keys that wait.
    loop
        select i.concurrency_key
        into v_key from gendurable.instances as i
        where i.concurrency_key > v_key and i.phase = 'held'
        order by i.concurrency_key
        limit 1;
        exit when not found;
        if split_part(v_key, ':', 1) = p_name then
            perform gendurable._ring(array[v_key]);
        end if;
    end loop;
end
$$;
comment on function gendurable._ring_name(text) is 'Lets the next pick look at every key of a name.';
