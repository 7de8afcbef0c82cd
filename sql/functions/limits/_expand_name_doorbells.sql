-- Answers the doorbells of names: puts a doorbell on each of their keys for which an instance waits
-- by now. Names whose locks other transactions hold keep theirs.
--
-- limit change x newcomer: the name is rung for by a change that is committed, and looked through
-- under the name's lock. So an instance that waits is found here, or rings later than this and is
-- counted against the new limit.
-- The empty name stands for all: something has happened to what can start.
-- p_kind: 'concurrency_limit' or 'rate_limit'.
-- Locks:  names, those that are free at once. Writes: doorbells.
-- Plan:   as gendurable._rung and _waiting_keys.
create function gendurable._expand_name_doorbells(p_kind gendurable.doorbell_kind) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_kind  gendurable.doorbell_kind := case when p_kind = 'rate_limit'
                                             then 'tokens'::gendurable.doorbell_kind
                                             else 'slot' end;
    v_names text[];
    v_keys  text[];
begin
    v_names := array(
        select n.key
        from (select distinct x.key from gendurable._rung(p_kind) as x) as n
        where gendurable._lock_name(p_kind, n.key));
    if v_names = '{}' then
        return;
    end if;
    v_keys := gendurable._waiting_keys(v_kind, v_names);
    delete from gendurable.doorbells as d
    where d.ctid = any (array(select x.place from gendurable._rung(p_kind) as x
                              where x.key = any (v_names)));
    insert into gendurable.doorbells (kind, key)
    select v_kind, k from unnest(v_keys) as k
    where k not in (select x.key from gendurable._rung(v_kind) as x);
end
$$;
comment on function gendurable._expand_name_doorbells(gendurable.doorbell_kind) is
    'Turns the doorbells of names into doorbells of their keys.';
