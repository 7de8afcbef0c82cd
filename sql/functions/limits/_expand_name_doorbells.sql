-- Answers the doorbells of names: puts a doorbell on each of their keys for which an instance waits
-- by now. Names whose locks other transactions hold keep theirs.
--
-- It looks at 500 keys, as many as a pick answers. Where there are more, the doorbells stay and say
-- how far it has come, and the next pick goes on. One that was rung meanwhile begins when this walk
-- has ended, so that none is kept from its last keys by those that are rung all the time.
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
    c_most  constant int := 500;
    v_kind  gendurable.doorbell_kind := case when p_kind = 'rate_limit'
                                             then 'tokens'::gendurable.doorbell_kind
                                             else 'slot' end;
    v_names text[];
    v_after text;
    v_rings tid[];
    v_keys  text[];
    v_last  text;
begin
    with rung as materialized (
        select r.place, r.after, r.key from gendurable._rung(p_kind) as r
    ), mine as materialized (
        select n.key
        from (select distinct x.key from rung as x) as n
        where gendurable._lock_name(p_kind, n.key)
    ), walk as materialized (
        select x.* from rung as x
        where x.key in (select m.key from mine as m)
          and x.after = (select max(y.after) from rung as y
                         where y.key in (select m.key from mine as m))
    )
    select array_agg(distinct w.key), max(w.after), array_agg(w.place)
    into v_names, v_after, v_rings
    from walk as w;
    if v_names is null then
        return;
    end if;
    select w.keys, w.last into v_keys, v_last
    from gendurable._waiting_keys(v_kind, v_names, v_after, c_most) as w;
    delete from gendurable.doorbells as d where d.ctid = any (v_rings);
    insert into gendurable.doorbells (kind, key)
    select v_kind, k from unnest(v_keys) as k
    where k not in (select x.key from gendurable._rung(v_kind) as x);
    if v_last is not null then
        insert into gendurable.doorbells (kind, key, after)
        select p_kind, n, v_last from unnest(v_names) as n;
        perform gendurable._look_again();
    end if;
end
$$;
comment on function gendurable._expand_name_doorbells(gendurable.doorbell_kind) is
    'Turns the doorbells of names into doorbells of their keys.';
