-- What keeps VACUUM from removing dead rows of this database, the oldest first: sessions with a
-- snapshot or a transaction, prepared transactions, replication slots.
--
-- kind:  'session' | 'standby' (its feedback) | 'prepared' | 'slot'; name: the role and the
--        application of a session, the name of the others. age: in transactions. since: null where
--        the server does not say it.
-- What an owner without pg_read_all_stats may not see of other roles' sessions is missing.
-- Locks: none. Writes: nothing. Plan: the server's own views, a row a session.
create function public.gd_horizon()
returns table (kind text, pid int, name text, since timestamptz, age bigint, detail text)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if gendurable._is_open('public.gd_horizon()') then
        perform gendurable._refuse_open();
    end if;
    return query
    with holders as (
        select case a.backend_type when 'walsender' then 'standby' else 'session' end as kind,
               a.pid,
               concat_ws(' ', a.usename, nullif(a.application_name, '')) as name,
               coalesce(a.xact_start, a.backend_start) as since,
               greatest(age(a.backend_xmin), age(a.backend_xid)) as age,
               case when a.state = 'idle in transaction'
                    then format('idle in its transaction since %s', a.state_change)
                    else a.state end as detail
        from pg_stat_activity as a
        where (a.datname = current_database() or a.datname is null)
          and a.pid <> pg_backend_pid()
          -- VACUUM does not hold itself up.
          and a.backend_type <> 'autovacuum worker'
          and (a.backend_xmin is not null or a.backend_xid is not null)
        union all
        select 'prepared', null, p.gid, p.prepared, age(p.transaction),
               format('prepared by %s', p.owner)
        from pg_prepared_xacts as p
        where p.database = current_database()
        union all
        select 'slot', s.active_pid, s.slot_name::text, null, age(s.xmin),
               case when s.active then 'in use' else 'no reader is connected' end
        from pg_replication_slots as s
        where s.xmin is not null
    )
    select h.kind, h.pid, h.name, h.since, h.age::bigint, h.detail
    from holders as h
    order by h.age desc, h.since, h.pid;
end
$$;
comment on function public.gd_horizon() is
    'What keeps VACUUM from removing dead rows of this database, the oldest first.';
