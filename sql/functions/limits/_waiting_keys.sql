-- The keys of some names ('' is every name) of which instances wait: for slots ('slot') or for
-- tokens ('tokens'). It looks at the first p_most keys of any name that come after p_after, and
-- `last` is the one at which it has stopped; null: it has come to the end.
--
-- Locks: none. Writes: nothing.
-- Plan:  instances_keyed or instances_rated, walked key by key.
create function gendurable._waiting_keys(p_sort gendurable.doorbell_kind, p_names text[],
                                         p_after text, p_most int,
                                         out keys text[], out last text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
begin
    keys := '{}';
    last := p_after;
    -- The keys of a name need not be neighbours in the database's collation, so the walk covers all
    -- keys that wait.
    for v_nth in 1 .. p_most loop
        if p_sort = 'tokens' then
            select i.rate_limit into last
            from gendurable.instances as i
            where i.rate_limit > last and i.phase = 'throttled'
            order by i.rate_limit
            limit 1;
        else
            select i.concurrency_key into last
            from gendurable.instances as i
            where i.concurrency_key > last and i.phase = 'held'
            order by i.concurrency_key
            limit 1;
        end if;
        exit when last is null;
        if gendurable._policy(last) = any (p_names) or '' = any (p_names) then
            keys := keys || last;
        end if;
    end loop;
end
$$;
comment on function gendurable._waiting_keys(gendurable.doorbell_kind, text[], text, int)
    is 'Some keys of names of which instances wait, and at which one the look has stopped.';
