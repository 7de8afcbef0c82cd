-- Answers the rings for names: rings for each of their keys for which an instance waits by now.
-- Names about which somebody else is deciding keep theirs.
--
-- limit change x newcomer: the name is rung for by a change that is committed, and looked through
-- under the name's lock. So whoever waits is found here, or rings later than this and is counted
-- against the new limit.
-- Locks:  names, those that are free at once. Writes: doorbells.
-- Plan:   doorbells_key; instances_keyed, walked key by key.
create function gendurable._expand_name_doorbells() returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_names text[];
    v_key   text := '';
    v_keys  text[];
begin
    v_names := array(
        select h.key
        from (select distinct x.key from gendurable.doorbells as x where x.kind = 'limit') as h
        where gendurable._lock_key(h.key));
    if v_names = '{}' then
        return;
    end if;
    -- The keys of a name need not be neighbours in the database's collation, so the walk covers all
    -- keys that wait.
    loop
        select i.concurrency_key
        into v_key from gendurable.instances as i
        where i.concurrency_key > v_key and i.phase = 'held'
        order by i.concurrency_key
        limit 1;
        exit when not found;
        if split_part(v_key, ':', 1) = any (v_names) then
            v_keys := v_keys || v_key;
        end if;
    end loop;
    delete from gendurable.doorbells as d where d.kind = 'limit' and d.key = any (v_names);
    insert into gendurable.doorbells (kind, key)
    select 'slot', k from unnest(v_keys) as k
    where not exists (select from gendurable.doorbells as d where d.kind = 'slot' and d.key = k);
end
$$;
comment on function gendurable._expand_name_doorbells() is
    'Rings for each key of the names that were rung for.';
