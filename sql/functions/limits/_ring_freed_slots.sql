-- Rings for the slots that a commit has given up, by all instances but those that go on with their
-- key: where another instance waits for one.
--
-- An instance that cannot be seen yet rang when it began to wait, and the pick that answers finds
-- the holder's row locked (gendurable._offer_slots). So this has to look in a statement after the
-- one that locked it.
-- p_ids, p_keys: the instances of the commit that held a slot, and of which key.
-- Locks:  none; the caller holds the instances. Writes: doorbells.
-- Plan:   instances_pkey; as gendurable._count_of_keys.
create function gendurable._ring_freed_slots(p_ids bigint[], p_keys text[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_keys text[];
begin
    v_keys := array(
        select w.key
        from gendurable._count_of_keys(array(
            select distinct k.key from unnest(p_ids, p_keys) as k (id, key)
            where (select i.phase = 'executing' and i.concurrency_key is not null
                   from gendurable.instances as i
                   where i.id = k.id) is not true), 'held', 1) as w
        where w.found > 0);
    if v_keys <> '{}' then
        perform gendurable._announce(null, v_keys);
    end if;
end
$$;
comment on function gendurable._ring_freed_slots(bigint[], text[])
    is 'Rings for the slots that a commit has given up.';
