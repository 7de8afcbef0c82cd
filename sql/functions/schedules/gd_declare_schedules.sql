-- Declares the schedules of a machine: for workers, when they start. An array of objects with the
-- argument names of gd_schedule, and `version`, the version of the machine that declares; one row
-- for each, in order of the names: 'created', 'changed', 'unchanged', 'older', or 'elsewhere': it
-- belongs to another database, of which this is one of many.
--
-- A changed declaration wins, unless it comes from an older version of the same machine. One that
-- is not declared any more stays. All or nothing.
-- Locks:  as gendurable._set_schedule, by name: two workers that declare the same ones do not
--         deadlock.
-- Writes: schedules, occurrences.
-- Errors: GD001, GD002: no array, or as gd_schedule; GD003 an entry that is no object, has an
--         unknown field or a value of a wrong type. Warnings: GD101, GD102.
create function public.gd_declare_schedules(entries jsonb)
returns table (name text, result text)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    c_fields  constant text[] := array['name', 'cron', 'fsm', 'state', 'step', 'queue', 'priority',
                                       'timezone', 'overlap', 'missed', 'stamp', 'concurrency_key',
                                       'rate_limit', 'weight', 'fsm_version', 'version'];
    v_entry   record;
    v_new     gendurable.schedules;
    v_problem text;
begin
    if gendurable._is_open('public.gd_declare_schedules(jsonb)') then
        perform gendurable._refuse_open();
    end if;
    if jsonb_typeof(gd_declare_schedules.entries) is distinct from 'array' then
        perform gendurable._refuse('GD002', 'entries is no JSON array',
                                   'Give an array of objects.');
    end if;
    for v_entry in
        select e.value, e.ord
        from jsonb_array_elements(gd_declare_schedules.entries) with ordinality as e (value, ord)
        order by e.value ->> 'name', e.ord
    loop
        v_problem := gendurable._json_problem(v_entry.value, c_fields);
        if v_problem is null then
            begin
                select d.name, d.cron, coalesce(d.timezone, 'UTC'), d.fsm, d.fsm_version,
                       coalesce(d.step, 'start'), coalesce(d.state, '{}'),
                       coalesce(d.queue, 'default'), coalesce(d.priority, 0),
                       coalesce(d.overlap, 'skip'), coalesce(d.missed, 'one'), d.stamp,
                       d.concurrency_key, d.rate_limit, coalesce(d.weight, 1), false, d.version
                into v_new
                from jsonb_to_record(v_entry.value) as d (
                    name text, cron text, fsm text, state jsonb, step text, queue text,
                    priority int, timezone text, overlap text, missed text, stamp text,
                    concurrency_key text, rate_limit text, weight float8, fsm_version int,
                    version int);
            exception when data_exception then
                v_problem := coalesce(gendurable._field_problem(v_entry.value - 'version'),
                                      sqlerrm);
            end;
        end if;
        if v_problem is not null then
            perform gendurable._refuse('GD003', format('ord %s: %s', v_entry.ord, v_problem),
                                       'Correct the entry; nothing of the batch was stored.');
        end if;
        name := v_new.name;
        -- The workers of all databases declare it; it is fired in one.
        result := case when gendurable._partition('schedule:' || v_new.name)
                            <> all (gendurable._own_partitions())
                       then 'elsewhere' else (gendurable._set_schedule(v_new)).result end;
        return next;
    end loop;
end
$$;
comment on function public.gd_declare_schedules(jsonb)
    is 'Declares the schedules of a machine: creates and changes them, unless a newer version did.';
