-- Finds and locks the targets of signals, given the entries of gd_signal_many; answers the id of
-- each, null where there is none (any more).
--
-- A key may change hands before its occupant is locked, and what ends a target may bring it back.
-- Then this lets go of all and looks again, because locking it with others in hand would be out of
-- order.
-- Locks:  the targets by id, waiting for them: all before the first delivery, so that two batches
--         cannot wait for each other.
-- Writes: nothing. Plan: correlation_keys_pkey, instances_pkey.
-- Errors: none of its own (GD000 is how a turn lets go; it never leaves).
create function gendurable._lock_targets(p_entries jsonb) returns bigint[]
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
    v_targets bigint[];
    v_locked  bigint[];
begin
    while v_targets is null loop
        begin
            v_targets := array(
                select case
                    when jsonb_typeof(x.entry -> 'target') = 'string' then
                        (select k.instance_id from gendurable.correlation_keys as k
                         where k.key = x.entry ->> 'target')
                    else coalesce(x.entry ->> 'id', x.entry ->> 'target')::bigint
                end
                from jsonb_array_elements(p_entries) with ordinality as x (entry, ord)
                order by x.ord);
            v_locked := array(
                select i.id
                from gendurable.instances as i
                where i.id = any (v_targets)
                order by i.id
                for no key update);
            if exists (
                select
                from jsonb_array_elements(p_entries) with ordinality as x (entry, ord)
                where jsonb_typeof(x.entry -> 'target') = 'string'
                  and v_targets[x.ord] is distinct from (
                      select k.instance_id from gendurable.correlation_keys as k
                      where k.key = x.entry ->> 'target')
            ) or exists (
                select from gendurable.instances as i
                where i.id = any (array(select unnest(v_targets) except select unnest(v_locked)))
            ) then
                raise exception using
                    errcode = 'GD000',
                    message = 'gendurable: a target has changed meanwhile';
            end if;
        exception when sqlstate 'GD000' then
            v_targets := null;
        end;
    end loop;
    return array(
        select case when t.id in (select l from unnest(v_locked) as l) then t.id end
        from unnest(v_targets) with ordinality as t (id, ord)
        order by t.ord);
end
$$;
comment on function gendurable._lock_targets(jsonb)
    is 'Finds and locks the targets of signals; answers the id of each.';
