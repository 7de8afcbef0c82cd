-- Moves the trails of some keys now and then: where instances have left their lines, and where many
-- transactions have let some wait since.
--
-- Once in some hundred that have left. A key has its first trail when a look reads dozens of dead
-- entries; where VACUUM and the looks themselves remove them it has none, and costs less.
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
    c_rests constant gendurable.phase := case p_sort when 'slot' then 'held'::gendurable.phase
                                                     else 'throttled' end;
    v_left bigint[] := array(select x from unnest(p_ids) as x where random() < 1 / 100.0);
    v_late text[] := array(select k from unnest(p_keys) as k where random() < 1 / 20.0);
    c_index constant regclass := case p_sort when 'slot'
                                      then 'gendurable.instances_keyed'::regclass
                                      else 'gendurable.instances_rated'::regclass end;
    v_key  text;
    v_read bigint;
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
        continue when v_key <> all (p_keys);
        if not exists (select from gendurable._key_trail(p_sort, v_key)) then
            v_read := pg_stat_get_xact_tuples_returned(c_index);
            perform from gendurable._of_keys(p_sort, array[v_key], c_rests, 1);
            perform from gendurable._of_keys(p_sort, array[v_key], 'ready', 1);
            continue when pg_stat_get_xact_tuples_returned(c_index) - v_read < 50;
        end if;
        perform gendurable._move_key_trail(p_sort, v_key, p_ids);
    end loop;
end
$$;
comment on function gendurable._move_key_trails(gendurable.doorbell_kind, text[], bigint[])
    is 'Moves the trails of some keys now and then.';
