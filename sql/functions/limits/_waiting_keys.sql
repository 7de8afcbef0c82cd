-- The keys of a name ('' is every name) of which instances wait: for slots ('slot') or for tokens
-- ('tokens').
--
-- Locks: none. Writes: nothing.
-- Plan:  instances_keyed or instances_rated, walked key by key.
create function gendurable._waiting_keys(p_sort gendurable.doorbell_kind, p_names text[])
returns text[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_key  text := '';
    v_keys text[] := array[]::text[];
begin
    -- The keys of a name need not be neighbours in the database's collation, so the walk covers all
    -- keys that wait.
    loop
        if p_sort = 'tokens' then
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
        if gendurable._policy(v_key) = any (p_names) or '' = any (p_names) then
            v_keys := v_keys || v_key;
        end if;
    end loop;
    return v_keys;
end
$$;
comment on function gendurable._waiting_keys(gendurable.doorbell_kind, text[]) is
    'The keys of names of which instances wait.';
