-- Who keeps VACUUM from removing what is dead: the oldest snapshots, by whatever holds them. A
-- transaction of less than ten minutes is no matter; one of an hour is a problem.
--
-- Of the sessions of others a role without pg_read_all_stats sees no snapshot, and is told so.
-- Locks: none. Writes: nothing. Plan: the views of the server alone.
create function gendurable._examine_horizon()
returns table (topic text, status text, detail text, remedy text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_holder record;
    v_any    boolean := false;
begin
    for v_holder in
        select h.*, extract(epoch from now() - h.since) as seconds
        from (select format('the transaction of process %s (%s, %s, database %s, %s)', a.pid,
                            a.usename,
                            coalesce(nullif(a.application_name, ''), 'no application name'),
                            a.datname, a.state) as who,
                     a.xact_start as since,
                     format('End it; the last resort is pg_terminate_backend(%s).', a.pid) as remedy
              from pg_catalog.pg_stat_activity as a
              where (a.backend_xmin is not null or a.backend_xid is not null)
                and a.backend_type not in ('autovacuum worker', 'walsender')
                and a.pid <> pg_backend_pid()
              union all
              select format('the prepared transaction %s (%s, database %s)',
                            x.gid, x.owner, x.database), x.prepared,
                     format('commit prepared or rollback prepared %L.', x.gid)
              from pg_catalog.pg_prepared_xacts as x
              union all
              select format('the replication slot %s (%s)', s.slot_name,
                            case when s.active then 'active' else 'not in use' end),
                     null,
                     format('If nothing needs it: pg_drop_replication_slot(%L).', s.slot_name)
              from pg_catalog.pg_replication_slots as s
              where s.xmin is not null or s.catalog_xmin is not null and not s.active
              union all
              select format('the standby %s, by hot_standby_feedback', r.application_name),
                     a.xact_start, 'End long queries there.'
              from pg_catalog.pg_stat_replication as r
              join pg_catalog.pg_stat_activity as a on a.pid = r.pid
              where r.backend_xmin is not null) as h
        where h.since is null or h.since < now() - interval '10 minutes'
        order by h.since nulls last
        limit 5
    loop
        v_any := true;
        return query select
            'horizon', case when v_holder.seconds > 3600 then 'problem' else 'warning' end,
            format('Held by %s%s.', v_holder.who,
                   ', open since ' || gendurable._clock(v_holder.since)),
            v_holder.remedy;
    end loop;
    if not v_any then
        return query select
            'horizon', 'ok',
            'No transaction is older than ten minutes'
            || case when pg_has_role(current_user, 'pg_read_all_stats', 'usage') then '.'
                    else ', of those that the owner of the engine may see.' end,
            null;
    end if;
end
$$;
comment on function gendurable._examine_horizon()
    is 'Who keeps VACUUM from removing what is dead.';
