-- Whether VACUUM keeps up with the engine's tables.
--
-- Locks: none. Writes: nothing. Plan: the statistics of the server alone.
create function gendurable._examine_tables()
returns table (topic text, status text, detail text, remedy text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_off   text[] := array(
        select s.name from pg_catalog.pg_settings as s
        where s.name in ('autovacuum', 'track_counts') and s.setting = 'off');
    v_table record;
    v_any   boolean := false;
begin
    if v_off <> '{}' then
        return query select
            'autovacuum', 'problem', format('Switched off: %s.', gendurable._list(v_off)),
            'Switch it on: what is dead is never removed, and statistics are never renewed.';
    end if;
    for v_table in
        select t.relname, t.n_dead_tup as dead, t.n_live_tup as live,
               greatest(t.last_autovacuum, t.last_vacuum) as vacuumed
        from pg_catalog.pg_stat_all_tables as t
        where t.schemaname = 'gendurable'
          -- Ten times what makes autovacuum begin, by the engine's own settings.
          and t.n_dead_tup > 20000 + 0.2 * t.n_live_tup
        order by t.n_dead_tup desc
        limit 5
    loop
        v_any := true;
        return query select
            'dead rows', 'warning',
            format('Table %s has %s dead rows beside %s live ones; %s.', v_table.relname,
                   v_table.dead, v_table.live,
                   coalesce('vacuumed last at ' || gendurable._clock(v_table.vacuumed),
                            'it was never vacuumed')),
            'If something holds the horizon, end that; else VACUUM is too slow: give it '
            'autovacuum_max_workers and maintenance_work_mem.';
    end loop;
    if not v_any then
        return query select 'dead rows', 'ok', 'VACUUM keeps up with every table.', null::text;
    end if;
end
$$;
comment on function gendurable._examine_tables()
    is 'Whether VACUUM keeps up with the tables of the engine.';
