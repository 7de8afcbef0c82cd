-- What has become of one instance, live or finished; no row if it is not known (any more).
--
-- Locks: none. Writes: nothing.
-- Plan:  instances_pkey, then as gendurable._archived.
create function public.gd_status(target bigint)
returns table (id bigint, status text, fsm text, fsm_version int, step text, state jsonb,
               attempt int, queue text, correlation_key text, result jsonb, error jsonb,
               enqueued_at timestamptz, updated_at timestamptz, finished_at timestamptz)
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
    if gendurable._is_open('public.gd_status(bigint)') then
        perform gendurable._refuse_open();
    end if;
    return query
    select i.id, gendurable._status(i.phase), i.fsm, i.fsm_version, i.step, i.state, i.attempt,
           i.queue, i.correlation_key, null::jsonb, i.last_error,
           i.enqueued_at, i.updated_at, null::timestamptz
    from gendurable.instances as i
    where i.id = gd_status.target;
    if found then
        return;
    end if;

    return query
    select f.id, case when f.failed then 'failed' else 'done' end, f.fsm, f.fsm_version,
           f.step, f.state, f.attempt, f.queue, f.correlation_key, f.result, f.error,
           f.enqueued_at, f.finished_at, f.finished_at
    from (select (a.instance).* from gendurable._archived(gd_status.target) as a) as f
    where f.id is not null;
end
$$;
comment on function public.gd_status(bigint)
    is 'The state of one instance, live or finished, by its id.';

-- The same by correlation key: the occupant, else the newest that carried the key.
create function public.gd_status(target text)
returns table (id bigint, status text, fsm text, fsm_version int, step text, state jsonb,
               attempt int, queue text, correlation_key text, result jsonb, error jsonb,
               enqueued_at timestamptz, updated_at timestamptz, finished_at timestamptz)
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
    if gendurable._is_open('public.gd_status(text)') then
        perform gendurable._refuse_open();
    end if;
    return query select s.* from public.gd_status(gendurable._resolve_key(gd_status.target)) as s;
end
$$;
comment on function public.gd_status(text)
    is 'The state of one instance, live or finished, by its correlation key.';
