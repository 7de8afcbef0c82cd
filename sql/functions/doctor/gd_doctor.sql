-- Examines the engine, and what it needs of the server: what is wrong, and what to do about it.
--
-- channel: a channel to notify, so that the caller can see whether it hears; null: none.
-- status:  'ok', 'warning' or 'problem'. detail, remedy: sentences for people.
-- at, pid: the server's clock and process, for comparing them with one's own.
-- Locks:  none. Writes: nothing; it may notify.
-- Plan:   as gendurable._examine_access, _examine_horizon, _examine_tables, _examine_archive and
--         _examine_work.
create function public.gd_doctor(channel text default null)
returns table (topic text, status text, detail text, remedy text, at timestamptz, pid int)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_at timestamptz := clock_timestamp();
begin
    if gendurable._is_open('public.gd_doctor(text)') then
        perform gendurable._refuse_open();
    end if;
    if gd_doctor.channel is not null and not pg_is_in_recovery() then
        perform pg_notify(gd_doctor.channel, 'gd_doctor');
    end if;
    return query
    select e.topic, e.status, e.detail, e.remedy, v_at, pg_backend_pid()
    from (select 'schema' as topic, 'ok' as status,
                 format('Version %s.', public.gd_version()) as detail, null as remedy
          union all select x.* from gendurable._examine_access() as x
          union all select x.* from gendurable._examine_horizon() as x
          union all select x.* from gendurable._examine_tables() as x
          union all select x.* from gendurable._examine_archive() as x
          union all select x.* from gendurable._examine_work() as x) as e;
end
$$;
comment on function public.gd_doctor(text)
    is 'Examines the engine, and what it needs of the server.';
