-- Lets the next pick look at these concurrency keys and rate keys; answers the kinds of the
-- instances that wait for them, if any worker sleeps. Called by gendurable._announce.
--
-- The doorbell belongs to the very transaction that makes an instance wait or frees a slot, so that
-- it becomes visible together with what it tells of. (A commit that frees a slot rings only if it
-- sees an instance wait.) Why that is enough: docs/concurrency.md, Doorbells.
-- Locks: none. Writes: doorbells.
-- Plan:  as gendurable._sleeping and _of_keys.
create function gendurable._ring(p_keys text[], p_rates text[] default null) returns int[]
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = on
set enable_sort = on
set jit = off
as $$
begin
    if p_keys is not null then
        insert into gendurable.doorbells (kind, key)
        select distinct 'slot'::gendurable.doorbell_kind, k
        from unnest(p_keys) as k
        where k is not null;
    end if;
    if p_rates is not null then
        insert into gendurable.doorbells (kind, key)
        select distinct 'tokens'::gendurable.doorbell_kind, r
        from unnest(p_rates) as r
        where r is not null;
    end if;

    if not exists (select from gendurable._sleeping()) then
        return null;
    end if;
    return array(
        select n.kind
        from gendurable._of_keys('slot', array(select distinct k from unnest(p_keys) as k),
                                 'held', 1) as n
        union
        select n.kind
        from gendurable._of_keys('tokens', array(select distinct r from unnest(p_rates) as r),
                                 'throttled', 1) as n);
end
$$;
comment on function gendurable._ring(text[], text[])
    is 'Lets the next pick look at concurrency keys and rate keys.';
