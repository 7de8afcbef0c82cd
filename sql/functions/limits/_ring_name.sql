-- Rings for a name whose limit was changed ('concurrency_limit', 'rate_limit'): the next pick looks
-- at every key of it for which an instance waits. Notifies all workers that sleep: any queue may
-- have such an instance.
--
-- Which keys those are is looked up by the pick that answers, once the change is committed
-- (gendurable._expand_name_doorbells): an instance that comes to wait in between is found as well,
-- and a transaction with an old snapshot misses none.
-- Locks: none. Writes: doorbells. Plan: as gendurable._sleeping.
create function gendurable._ring_name(p_kind gendurable.doorbell_kind, p_name text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
begin
    insert into gendurable.doorbells (kind, key) values (p_kind, p_name);
    perform gendurable._announce(array(
        select distinct q
        from gendurable._sleeping() as s
        cross join lateral unnest(s.queues) as q));
end
$$;
comment on function gendurable._ring_name(gendurable.doorbell_kind, text)
    is 'Lets the next pick look at every key of a name.';
