-- Takes a correlation key for an instance that is about to be created, or answers the
-- instance that occupies it.
--
-- The occupant may finish and free the key between the two statements: then the key is there to be
-- taken, so try again. Every turn means that another instance has finished.
-- Locks:  the key, waiting for a transaction that is inserting or freeing it at this moment.
-- Writes: correlation_keys.
-- Plan:   correlation_keys_pkey.
create function gendurable._take_key(p_key text, p_id bigint) returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_occupant bigint;
begin
    while v_occupant is null loop
        insert into gendurable.correlation_keys (key, instance_id) values (p_key, p_id)
        on conflict do nothing;
        -- Not by looking: an older snapshot still sees the row of an occupant that has left.
        if found then
            return p_id;
        end if;
        select k.instance_id into v_occupant
        from gendurable.correlation_keys as k
        where k.key = p_key;
    end loop;
    return v_occupant;
end
$$;
comment on function gendurable._take_key(text, bigint)
    is 'Takes a correlation key; answers its occupant.';
