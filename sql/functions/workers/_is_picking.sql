-- Whether a pick of this worker was in flight at the instant of the call: the pick holds the
-- worker's row FOR KEY SHARE until its transaction ends. The caller holds it FOR NO KEY UPDATE,
-- which does not keep a pick out.
--
-- A pick that comes at that very instant finds the row locked, and tries again
-- (gendurable._check_in).
-- Locks:  the worker's row FOR UPDATE, never waiting, let go of at once.
-- Writes: nothing. Plan: workers_pkey.
-- Errors: none of its own (GD000 is how it lets go; it never leaves).
create function gendurable._is_picking(p_worker bigint) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_picking boolean;
begin
    perform from gendurable.workers as w where w.id = p_worker for update skip locked;
    v_picking := not found;
    raise exception using errcode = 'GD000', message = 'gendurable: seen';
exception when sqlstate 'GD000' then
    return v_picking;
end
$$;
comment on function gendurable._is_picking(bigint)
    is 'Whether a pick of this worker is in flight.';
