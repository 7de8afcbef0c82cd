-- Whether maintenance has made the partitions into which instances are about to finish, and has
-- emptied the default ones.
--
-- Until the first partition begins, half a day after an installation, the default ones are in use.
-- Locks: none. Writes: nothing.
-- Plan:  as gendurable._windows; the first row of the default partitions.
create function gendurable._examine_archive()
returns table (topic text, status text, detail text, remedy text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_remedy text := 'Run a worker, or call gd_maintain() every few seconds.';
    v_table  text;
    v_first  timestamptz;
    v_last   timestamptz;
    v_rows   boolean;
begin
    foreach v_table in array '{finished,history}'::text[] loop
        select min(w.lower), max(w.upper) into v_first, v_last
        from gendurable._windows(format('gendurable.%I', v_table)::regclass) as w;
        v_rows := case v_table
                      when 'finished' then exists (select from gendurable.finished_default)
                      else exists (select from gendurable.history_default) end;
        return query select
            'partitions',
            case when v_last < now() then 'problem'
                 when v_last is null or v_last < now() + interval '6 hours' then 'warning'
                 else 'ok' end,
            case when v_last is null then format('Table %s has none yet.', v_table)
                 else format('Those of %s reach until %s.', v_table,
                             gendurable._clock(v_last)) end,
            case when coalesce(v_last < now() + interval '6 hours', true) then v_remedy end;
        return query select
            'default partition',
            case when v_rows and v_first <= now() then 'warning' else 'ok' end,
            format(case when not v_rows then 'That of %s is empty.'
                        when v_first <= now() then 'That of %s has rows to be moved.'
                        else 'That of %s is in use until the first window begins.' end, v_table),
            case when v_rows and v_first <= now() then v_remedy end;
    end loop;
end
$$;
comment on function gendurable._examine_archive()
    is 'Whether maintenance has made the partitions that are needed.';
