-- Forgets everything that finished before now() - retention (null: before what gd_set_retention
-- says, which may keep failed instances longer): whole partitions at once, the rest row by row,
-- `batch` at most. Children stay as long as their parent lives, or is kept and could be brought
-- back to the step that joined them. While maintenance is at work elsewhere it does nothing, and
-- answers 0.
--
-- Locks:  maintenance (advisory), then as gendurable._lock_partition, _sift, _truncate and
--         _drop_partitions; never waiting.
-- Writes: finished, kept, correlation_keys.
-- Errors: GD002 a negative or absurd retention, a batch below one.
create function public.gd_gc(retention interval default null, batch int default 10000)
returns int
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_batch     int := coalesce(gd_gc.batch, 10000);
    v_cutoff    record;
    v_table     regclass;
    v_sifted    record;
    v_gone      text[] := array[]::text[];
    v_with_them int := 0;
    v_forgotten int := 0;
begin
    if gendurable._is_open('public.gd_gc(interval,int)') then
        perform gendurable._refuse_open();
    end if;
    if gd_gc.retention not between '0' and '1000 years' or v_batch < 1 then
        perform gendurable._refuse('GD002',
                                   format('retention %s, batch %s',
                                          coalesce(gd_gc.retention::text, 'null'), v_batch),
                                   'Retention is zero to a thousand years, batch at least one.');
    end if;
    if not gendurable._lock_maintenance() then
        return 0;
    end if;
    if gd_gc.retention is null then
        select c.finished, c.failed into v_cutoff from gendurable._cutoffs() as c;
    else
        select now() - gd_gc.retention as finished, now() - gd_gc.retention as failed
        into v_cutoff;
    end if;

    foreach v_table in array gendurable._old_partitions(v_cutoff.finished) loop
        continue when not gendurable._lock_partition(v_table);
        select s.forgotten, s.stay into v_sifted
        from gendurable._sift(v_table, 0, v_cutoff.finished, v_cutoff.failed, false, '-infinity',
                              2147483647, 'infinity') as s;
        if v_sifted.stay = 0 then
            v_gone := v_gone || v_table::text;
            v_with_them := v_with_them + v_sifted.forgotten;
        end if;
    end loop;
    if gendurable._truncate(v_gone) then
        v_forgotten := v_with_them;
    end if;

    v_batch := least(v_batch, 2147483647 - v_forgotten);
    v_with_them := 0;
    foreach v_table in array
        array(select w.partition from gendurable._windows() as w
              where w.lower < v_cutoff.finished)
        || '{gendurable.finished_default,gendurable.kept}'::regclass[]
    loop
        select v_with_them + s.forgotten into v_with_them
        from gendurable._sift(v_table, 0, v_cutoff.finished, v_cutoff.failed, true, '-infinity',
                              v_batch - v_with_them, 'infinity') as s;
        exit when v_with_them >= v_batch;
    end loop;
    perform gendurable._drop_partitions(v_cutoff.finished);
    return v_forgotten + v_with_them;
end
$$;
comment on function public.gd_gc(interval, int)
    is 'Forgets instances that finished before the retention; answers how many.';
