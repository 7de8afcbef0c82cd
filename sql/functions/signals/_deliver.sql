-- Delivers one signal: stores it in the target's inbox and wakes the target if it is parked
-- on that name.
--
-- p_key addresses the occupant of a correlation key, p_id an instance.
-- park x deliver: the target's row lock decides. Either the park commits first and is seen here,
-- or the signal commits first and is seen by the park, which looks into the inbox after it has
-- locked the row.
-- Locks:  the target instance, waiting for it; a pick, a commit or a reaper holds
--         it for milliseconds.
-- Writes: dedup_keys, signals, instances (woken, or signalled for the first time), doorbells.
-- Plan:   correlation_keys_pkey, instances_pkey, dedup_keys_pkey.
-- Errors: GD001 target or name missing; GD002 a name or key that is too long.
create function gendurable._deliver(p_key text, p_id bigint, p_name text, p_payload jsonb,
                                    p_dedup_key text)
returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_id       bigint := p_id;
    v_gone     bigint;
    v_target   record;
    v_problem  text := gendurable._signal_problem(p_key, p_id, p_name, p_dedup_key);
begin
    if v_problem is not null then
        perform gendurable._refuse(
            gendurable._error_code(v_problem), v_problem,
            'gd_signal(target, name, payload, dedup_key); nothing was stored.');
    end if;

    loop
        if p_key is not null then
            -- An occupant may finish while we wait for it, and the key may then have a new one:
            -- that one is meant.
            select k.instance_id into v_id
            from gendurable.correlation_keys as k
            where k.key = p_key;
            if not found or v_id = v_gone then
                return 'no_target';
            end if;
        end if;

        select i.phase = 'awaiting_signal' and p_name = any (i.awaits) as wakes, i.signalled,
               gendurable._inbox_key(i.id, i.inbox) as inbox, i.queue, i.concurrency_key,
               i.correlation_scope is not null as scoped,
               gendurable._is_wanted(i.phase, i.eligible_at) as wanted, (i.lane >> 40)::int as kind
        into v_target
        from gendurable.instances as i
        where i.id = v_id
        for no key update;
        exit when found;
        -- What has ended it may have brought it back as well.
        if not exists (select from gendurable.instances as i where i.id = v_id) then
            if p_key is null then
                return 'no_target';
            end if;
            v_gone := v_id;
        end if;
    end loop;

    if v_target.wanted then
        -- signal x pick: the pick has passed over it, and its worker sleeps.
        perform gendurable._announce(array[v_target.queue], p_kinds => array[v_target.kind]);
    end if;
    if p_dedup_key is not null then
        insert into gendurable.dedup_keys (instance_id, dedup_key)
        values (v_id, p_dedup_key)
        on conflict do nothing;
        if not found then
            return 'duplicate';
        end if;
    end if;
    insert into gendurable.signals (inbox, instance_id, sent_at, name, payload)
    values (v_target.inbox, v_id, clock_timestamp(), p_name, coalesce(p_payload, '{}'));

    if v_target.wakes then
        perform gendurable._wake(array[v_id], array[v_target.queue],
                                 case when v_target.concurrency_key is not null
                                      then array[v_target.concurrency_key] end,
                                 case when v_target.scoped then array[v_id] end);
    elsif not v_target.signalled then
        update gendurable.instances as i set signalled = true where i.id = v_id;
    end if;
    return 'delivered';
end
$$;
comment on function gendurable._deliver(text, bigint, text, jsonb, text)
    is 'Delivers one signal and wakes the instance that awaits it.';
