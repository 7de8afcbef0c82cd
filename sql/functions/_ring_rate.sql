-- Lets the next pick look at every rate key of a name for which an instance waits, and wakes whoever may pick it.
--
-- Locks: none. Writes: refills. Plan: instances_rated, walked key by key.
create function gendurable._ring_rate(p_name text) returns void
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
    loop
        select i.rate_limit
        into v_key from gendurable.instances as i
        where i.rate_limit > v_key and i.phase = 'throttled'
        order by i.rate_limit
        limit 1;
        exit when not found;
        if split_part(v_key, ':', 1) = p_name then
            perform gendurable._ring(null, array[v_key]);
        end if;
    end loop;
end
$$;
comment on function gendurable._ring_rate(text) is 'Lets the next pick look at every rate key of a name.';
