-- Who keeps VACUUM from removing what is dead: the oldest holder, and others that are old. Ten
-- minutes are a warning, an hour is a problem.
--
-- Locks: none. Writes: nothing. Plan: as gd_horizon.
create function gendurable._examine_horizon()
returns table (topic text, status text, detail text, remedy text)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select 'horizon', h.status,
           format('Held by the %s %s%s%s%s; %s old.', h.kind, h.name,
                  ' (process ' || h.pid || ')', ', open since ' || gendurable._clock(h.since),
                  ', ' || h.detail,
                  case h.age when 1 then '1 transaction' else h.age || ' transactions' end),
           case when h.status = 'ok' then null
                when h.kind = 'session'
                    then format('End it; the last resort is pg_terminate_backend(%s).', h.pid)
                when h.kind = 'prepared'
                    then format('commit prepared or rollback prepared %L.', h.name)
                when h.kind = 'slot'
                    then format('If nothing needs it: pg_drop_replication_slot(%L).', h.name)
                else 'End long queries there, or switch hot_standby_feedback off.' end
    from (select x.*,
                 case when x.since < now() - interval '1 hour' then 'problem'
                      when coalesce(x.since < now() - interval '10 minutes', x.age > 10000)
                          then 'warning'
                      else 'ok' end as status,
                 row_number() over (order by x.since nulls last, x.age desc) as place
          from public.gd_horizon() as x) as h
    where h.place = 1 or h.status <> 'ok' and h.place <= 5
    order by h.place;
    if not found then
        return query select
            'horizon', 'ok',
            'Nothing holds it'
            || case when pg_has_role(current_user, 'pg_read_all_stats', 'usage') then '.'
                    else ', as far as the owner of the engine may see.' end,
            null;
    end if;
end
$$;
comment on function gendurable._examine_horizon()
    is 'Who keeps VACUUM from removing what is dead.';
