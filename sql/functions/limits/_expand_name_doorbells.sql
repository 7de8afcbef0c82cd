-- Answers the doorbells of names: puts a doorbell on each of their keys for which an instance waits
-- by now. Names whose locks other transactions hold keep theirs.
--
-- limit change x newcomer: the name is rung for by a change that is committed, and looked through
-- under the name's lock. So an instance that waits is found here, or rings later than this and is
-- counted against the new limit.
-- p_kind: 'concurrency_limit' or 'rate_limit'.
-- Locks:  names, those that are free at once. Writes: doorbells.
-- Plan:   as gendurable._rung; instances_keyed or instances_rated, walked key by key.
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
    v_key   text := '';
    v_keys  text[];
begin
    v_names := array(
        select n.key
        from (select distinct x.key from gendurable._rung(p_kind) as x) as n
        where gendurable._lock_name(p_kind, n.key));
    if v_names = '{}' then
        return;
    end if;
    -- The keys of a name need not be neighbours in the database's collation, so the walk covers all
    -- keys that wait.
    loop
        if p_kind = 'rate_limit' then
            select i.rate_limit into v_key
            from gendurable.instances as i
            where i.rate_limit > v_key and i.phase = 'throttled'
            order by i.rate_limit
            limit 1;
        else
            select i.concurrency_key into v_key
            from gendurable.instances as i
            where i.concurrency_key > v_key and i.phase = 'held'
            order by i.concurrency_key
            limit 1;
        end if;
        exit when v_key is null;
        if gendurable._policy(v_key) = any (v_names) then
            v_keys := v_keys || v_key;
        end if;
    end loop;
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
