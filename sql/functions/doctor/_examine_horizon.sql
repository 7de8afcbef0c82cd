-- Who keeps VACUUM from removing what is dead: the oldest holders. A transaction of less than ten
-- minutes is no matter; one of an hour is a problem.
--
-- Locks: none. Writes: nothing. Plan: as gd_horizon.
create function gendurable._examine_horizon()
returns table (topic text, status text, detail text, remedy text)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select 'horizon', case when h.since < now() - interval '1 hour' then 'problem'
                           else 'warning' end,
           format('Held by the %s %s%s%s; %s transactions old.', h.kind,
                  h.name || case when h.pid is not null
                                 then format(' (process %s)', h.pid) else '' end,
                  ', open since ' || gendurable._clock(h.since), ', ' || h.detail, h.age),
           case h.kind
               when 'session'
                   then format('End it; the last resort is pg_terminate_backend(%s).', h.pid)
               when 'prepared' then format('commit prepared or rollback prepared %L.', h.name)
               when 'slot'
                   then format('If nothing needs it: pg_drop_replication_slot(%L).', h.name)
               else 'End long queries there, or switch hot_standby_feedback off.' end
    from public.gd_horizon() as h
    where coalesce(h.since < now() - interval '10 minutes', h.age > 10000)
    limit 5;
    if not found then
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
