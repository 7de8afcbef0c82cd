-- Moves the trails of some keys now and then: where instances have left their lines, and where many
-- transactions have let some wait since.
--
-- Once in some hundred that have left, so a key that is seldom used has no trail.
-- p_keys: concurrency keys ('slot') or rate limits ('tokens').
-- p_ids:  instances of theirs that have left a line, or are about to.
-- Locks:  none; the caller holds the names of the keys. Writes: key_trails.
-- Plan:   as gendurable._key_trail and _move_key_trail; instances_pkey.
create function gendurable._move_key_trails(p_sort gendurable.doorbell_kind, p_keys text[],
                                            p_ids bigint[])
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_left bigint[] := array(select x from unnest(p_ids) as x where random() < 1 / 100.0);
    v_late text[] := array(select k from unnest(p_keys) as k where random() < 1 / 20.0);
    v_key  text;
begin
    if v_left = '{}' and v_late = '{}' then
        return;
    end if;
    for v_key in
        select distinct case p_sort when 'slot' then i.concurrency_key else i.rate_limit end
        from gendurable.instances as i
        where i.id = any (v_left)
        union
        select k.key
        from unnest(v_late) as k (key)
        cross join lateral gendurable._key_trail(p_sort, k.key) as t
        where gendurable._run(pg_current_xact_id()) - t.bound > 100
    loop
        if v_key = any (p_keys) then
            perform gendurable._move_key_trail(p_sort, v_key, p_ids);
        end if;
    end loop;
end
$$;
comment on function gendurable._move_key_trails(gendurable.doorbell_kind, text[], bigint[])
    is 'Moves the trails of some keys now and then.';
