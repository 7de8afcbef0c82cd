-- Notifies that watched instances have parked or ended, with the status that each now has, and ends
-- the watch of those that live on.
--
-- A transaction that is to be prepared (SET LOCAL gendurable.notify = off, see
-- gendurable._announce) must not notify. There the watch of a park stays, for the next one to be
-- told of; an end is told by none.
-- Locks:  the caller holds the instances. Writes: instances. Plan: instances_pkey.
create function gendurable._tell_watchers(p_ids bigint[], p_statuses text[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
begin
    if coalesce(current_setting('gendurable.notify', true), '') in ('off', 'false', 'no', '0') then
        return;
    end if;
    perform pg_notify('gendurable_watch', w.id || ':' || w.status)
    from unnest(p_ids, p_statuses) as w (id, status);
    update gendurable.instances as i set watched = false where i.id = any (p_ids);
end
$$;
comment on function gendurable._tell_watchers(bigint[], text[])
    is 'Notifies that watched instances have parked or ended.';
