-- How many newcomers of concurrency keys may be born ready, because slots are free: none where an
-- instance waits already.
--
-- A guess, made without a lock: gd_pick counts again. Too many offers do no harm as long as
-- they are few, so of a limit above a hundred a hundred offers are enough, and what executes is
-- not counted there.
-- Locks: none. Writes: nothing.
-- Plan:  as gendurable._is_waited_for; instances_keyed, a hundred entries of a key at most, or as
--        gendurable._of_keys where the key has a trail; as gendurable._capacity.
create function gendurable._estimate_free_slots(p_keys text[]) returns table (key text, vacant int)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
    c_most  constant int := 100;
    -- as in gendurable._offer_slots
    c_ready constant gendurable.phase := 'ready'::gendurable.phase;
begin
    return query
    select k.key,
           case when not w.waits
                then greatest(case when c.most > c_most then c_most else c.free::int end
                     - (case when exists (select from gendurable.key_trails as t
                                          where t.sort = 'slot' and t.key = k.key)
                             then (select count(*)::int
                                   from gendurable._of_keys('slot', array[k.key], 'ready',
                                                            least(c.most, c_most)) as x)
                             else (select count(*)::int
                                   from (select from gendurable.instances as i
                                         where i.concurrency_key = k.key
                                           and i.phase in ('ready', 'held') and i.phase = c_ready
                                         limit least(c.most, c_most)) as x) end), 0)
                else 0 end
    from unnest(p_keys) as k (key)
    cross join lateral gendurable._capacity(k.key) as c
    cross join lateral gendurable._is_waited_for(k.key) as w;
end
$$;
comment on function gendurable._estimate_free_slots(text[]) is
    'How many newcomers of concurrency keys may be born ready.';
