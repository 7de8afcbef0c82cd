-- Whether the server, the roles and the privileges are as the engine needs them.
--
-- Locks: none. Writes: nothing. Plan: the catalog alone.
create function gendurable._examine_access()
returns table (topic text, status text, detail text, remedy text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_missing text[] := array(
        select r.name from unnest('{gd_client,gd_worker,gd_admin}'::text[]) as r (name)
        where not exists (select from pg_catalog.pg_roles as x where x.rolname = r.name));
    v_open    text[] := array(
        select p.oid::regprocedure::text from pg_catalog.pg_proc as p
        where p.pronamespace = 'public'::regnamespace and p.proname like 'gd\_%' and p.prosecdef
          and has_function_privilege('public', p.oid, 'execute')
        order by 1 limit 3);
    v_used    bigint := (select count(*) from pg_catalog.pg_stat_activity as a
                         where a.backend_type = 'client backend');
    v_most    int := current_setting('max_connections')::int;
begin
    return query select
        'server',
        case when current_setting('server_version_num')::int / 10000 in (15, 16, 17, 18)
             then 'ok' else 'warning' end,
        format('PostgreSQL %s, up since %s%s.', current_setting('server_version'),
               gendurable._clock(pg_postmaster_start_time()),
               case when pg_is_in_recovery() then '; a standby, which can only be read' end),
        case when current_setting('server_version_num')::int / 10000 not in (15, 16, 17, 18)
             then 'The engine is tested on 15 to 18.' end;
    return query select
        'roles', case when v_missing = '{}' then 'ok' else 'warning' end,
        case when v_missing = '{}' then 'gd_client, gd_worker and gd_admin are there.'
             else format('Missing: %s.', gendurable._list(v_missing)) end,
        case when v_missing <> '{}'
             then 'As a role that may create roles: gendurable-py install --repair-privileges.' end;
    return query select
        'privileges', case when v_open = '{}' then 'ok' else 'problem' end,
        case when v_open = '{}' then 'No function is open to every role.'
             else format('Every role may call %s, so they are closed.',
                         gendurable._list(v_open)) end,
        case when v_open <> '{}'
             then 'As the owner: gendurable-py install --repair-privileges.' end;
    return query select
        'connections', case when v_used > v_most * 0.8 then 'warning' else 'ok' end,
        format('%s of at most %s.', v_used, v_most),
        case when v_used > v_most * 0.8
             then 'Raise max_connections, or put a pooler before the server.' end;
end
$$;
comment on function gendurable._examine_access()
    is 'Whether server, roles and privileges are as the engine needs them.';
