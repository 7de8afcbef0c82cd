-- Rings for a name whose limit was changed ('concurrency_limit', 'rate_limit'): the next pick looks
-- at every key of it for which an instance waits. Notifies the workers that sleep and can run one
-- of these; all that sleep, where more than 500 keys wait. The empty name stands for all names.
--
-- Which keys those are is looked up again by the pick that answers, once the change is committed
-- (gendurable._expand_name_doorbells): an instance that comes to wait in between is found as well,
-- and a transaction with an old snapshot misses none.
-- Locks: none. Writes: doorbells.
-- Plan:  as gendurable._sleeping; if any sleeps, as gendurable._waiting_keys and _of_keys.
create function gendurable._ring_name(p_kind gendurable.doorbell_kind, p_name text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_sort gendurable.doorbell_kind := case p_kind when 'rate_limit'
                                       then 'tokens'::gendurable.doorbell_kind else 'slot' end;
    v_waits record;
    v_kinds int[];
begin
    insert into gendurable.doorbells (kind, key) values (p_kind, p_name);
    if not exists (select from gendurable._sleeping()) then
        return;
    end if;
    v_waits := gendurable._waiting_keys(v_sort, array[p_name], '', 500);
    if v_waits.last is not null then
        -- There are more, of any kind.
        perform gendurable._announce(array(
            select distinct q.queue from gendurable._sleeping() as s
            cross join lateral unnest(s.queues) as q (queue)));
    else
        v_kinds := array(
            select distinct n.kind
            from gendurable._of_keys(
                v_sort, v_waits.keys,
                case v_sort when 'tokens' then 'throttled'::gendurable.phase else 'held' end,
                1) as n);
        perform gendurable._announce(
            array(select distinct k.queue from gendurable.kinds as k where k.id = any (v_kinds)),
            p_kinds => v_kinds);
    end if;
end
$$;
comment on function gendurable._ring_name(gendurable.doorbell_kind, text)
    is 'Lets the next pick look at every key of a name.';
