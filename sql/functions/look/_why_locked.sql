-- The transaction that has an instance's row locked, so that picks pass it over; no row if none
-- has, or if several have at once.
--
-- Locks: none. Writes: nothing. Plan: instances_pkey; the lock table, read whole.
create function gendurable._why_locked(p_id bigint)
returns table (reason text, detail text, remedy text, since timestamptz)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
begin
    return query
    select 'locked',
           format('The transaction of process %s (%s, %s) has its row locked.',
                  a.pid, a.usename,
                  coalesce(nullif(a.application_name, ''), 'no application name')),
           format('End that transaction; the last resort is pg_terminate_backend(%s).', a.pid),
           a.xact_start
    from gendurable.instances as i
    join pg_catalog.pg_locks as l
      on l.locktype = 'transactionid' and l.transactionid = i.xmax and l.granted
     and l.mode = 'ExclusiveLock'
    join pg_catalog.pg_stat_activity as a on a.pid = l.pid
    where i.id = p_id and i.xmax <> '0'::xid and a.pid <> pg_backend_pid();
end
$$;
comment on function gendurable._why_locked(bigint)
    is 'The transaction that has an instance locked.';
