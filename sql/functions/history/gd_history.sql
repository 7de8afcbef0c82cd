-- What has happened to an instance, as far as it was noted (gd_set_history) and is not older than
-- the retention; the oldest first. One that is not known (any more) has no history.
--
-- Locks: none. Writes: nothing.
-- Plan:  instances_pkey, else as gendurable._archived; then the primary key of each partition of
--        the history, history_kept_pkey.
create function public.gd_history(target bigint)
returns table (at timestamptz, started_at timestamptz, event text, step text, attempt int,
               worker text, detail jsonb)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
begin
    if gendurable._is_open('public.gd_history(bigint)') then
        perform gendurable._refuse_open();
    end if;
    if not exists (select from gendurable.instances as i where i.id = gd_history.target)
       and (select a.place from gendurable._archived(gd_history.target) as a) is null then
        return;
    end if;
    return query
    select e.at, e.started_at, e.event, e.step, e.attempt, e.worker, e.detail
    from (select h.* from gendurable.history as h where h.instance_id = gd_history.target
          union all
          select k.* from gendurable.history_kept as k where k.instance_id = gd_history.target) as e
    order by e.at, e.fence;
end
$$;
comment on function public.gd_history(bigint)
    is 'What has happened to one instance, by its id; the oldest first.';

-- The same by correlation key: the occupant, else the newest that carried the key.
create function public.gd_history(target text)
returns table (at timestamptz, started_at timestamptz, event text, step text, attempt int,
               worker text, detail jsonb)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
begin
    if gendurable._is_open('public.gd_history(text)') then
        perform gendurable._refuse_open();
    end if;
    return query
    select h.at, h.started_at, h.event, h.step, h.attempt, h.worker, h.detail
    from public.gd_history(gendurable._resolve_key(gd_history.target)) as h;
end
$$;
comment on function public.gd_history(text)
    is 'What has happened to one instance, by its correlation key; the oldest first.';
