-- Takes the correlation keys of entries, each for the first entry that names it; answers the
-- entries with the occupants of their keys.
--
-- A key either becomes ours or has an occupant. The occupant may finish and free the key while this
-- waits for another one, and another transaction may be taking it: to wait for that one with later
-- keys in hand would be a deadlock if it waits for one of those. So let go of all and start over.
-- Locks:  correlation_keys in key order, waiting for a transaction that is inserting or freeing the
--         same key at this moment. Two batches that name the same new keys in opposite orders both
--         insert in key order, and neither waits for a key with a later one in hand.
-- Writes: correlation_keys. Plan: correlation_keys_pkey.
-- Errors: none of its own (GD000 is how a turn lets go of its keys; it never leaves).
create function gendurable._take_entry_keys(p_entries gendurable.entry[])
returns gendurable.entry[]
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
    v_entries gendurable.entry[] := p_entries;
    v_taken   bigint[];
begin
    while exists (
        select from unnest(v_entries) as e
        where gendurable._occupies(e.correlation_key, e.correlation_scope)
          and e.occupant is null) loop
        begin
            with taken as (
                insert into gendurable.correlation_keys as k (key, instance_id)
                select w.key, w.id
                from (select distinct on (e.correlation_key) e.correlation_key as key, e.id
                      from unnest(v_entries) as e
                      where gendurable._occupies(e.correlation_key, e.correlation_scope)
                      order by e.correlation_key, e.ord) as w
                order by w.key
                on conflict do nothing
                returning k.instance_id
            )
            select array_agg(t.instance_id) into v_taken from taken as t;

            -- Ours before any other: an older snapshot still sees the row of an instance that has
            -- just freed the key.
            select array_agg(row(e.ord, e.id, e.fsm, e.fsm_version, e.state, e.step, e.queue,
                                 e.priority, e.eligible_at, e.correlation_key, e.correlation_scope,
                                 e.concurrency_key, e.rate_limit, e.weight, e.parent_id,
                                 e.parent_round, e.place, k.instance_id)::gendurable.entry)
            into v_entries
            from unnest(p_entries) as e
            left join lateral (
                select o.instance_id
                from gendurable.correlation_keys as o
                where o.key = e.correlation_key
                  and gendurable._occupies(e.correlation_key, e.correlation_scope)
                order by o.instance_id in (select unnest(v_taken)) desc
                limit 1
            ) as k on true;

            if exists (select from unnest(v_entries) as e
                       where gendurable._occupies(e.correlation_key, e.correlation_scope)
                         and e.occupant is null) then
                raise exception using errcode = 'GD000',
                    message = 'gendurable: a correlation key was freed meanwhile';
            end if;
        exception when sqlstate 'GD000' then
            v_entries := p_entries;
        end;
    end loop;
    return v_entries;
end
$$;
comment on function gendurable._take_entry_keys(gendurable.entry[])
    is 'Takes the correlation keys of entries; answers the entries with their occupants.';
