-- Takes a correlation key for an instance that is about to be created, without waiting: 'taken';
-- 'occupied' by another instance; or 'busy', because a transaction that has not ended is taking or
-- freeing it.
--
-- Whether the occupant is going away shows in its row: one whose xmax is none was never locked. The
-- others have to be locked to find out, for a moment: the lock is let go of at once, so that the
-- commit that frees the key does not wait for this transaction.
-- Locks:  the key, see gendurable._try_take_keys; otherwise as above.
-- Writes: correlation_keys. Plan: correlation_keys_pkey.
-- Errors: none of its own (GD000 is how it lets go; it never leaves).
create function gendurable._take_free_key(p_key text, p_id bigint) returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_touched  boolean;
    v_occupant bigint;
begin
    select k.xmax <> '0' into v_touched from gendurable.correlation_keys as k where k.key = p_key;
    if v_touched then
        begin
            perform from gendurable.correlation_keys as k where k.key = p_key
            for key share skip locked;
            if found then
                raise exception using errcode = 'GD000', message = 'gendurable: occupied';
            end if;
            return 'busy';
        exception when sqlstate 'GD000' then
            return 'occupied';
        end;
    elsif not v_touched then
        return 'occupied';
    end if;

    perform gendurable._try_take_keys(array[p_key], array[p_id], '1ms');
    select k.instance_id into v_occupant from gendurable.correlation_keys as k where k.key = p_key;
    return case when v_occupant = p_id then 'taken'
                when v_occupant is null then 'busy' else 'occupied' end;
end
$$;
comment on function gendurable._take_free_key(text, bigint)
    is 'Takes a correlation key without waiting: taken, occupied or busy.';
