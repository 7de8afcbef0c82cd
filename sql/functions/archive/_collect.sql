-- Forgets what the stored retention does not keep, for as long as there is time; answers how many
-- instances and whether some are left. Called by the one transaction that maintains the archive.
--
-- A partition whose window is over is looked through once, what outlives it moves to
-- gendurable.kept, and it is truncated: a moved row and its old place never go in one transaction,
-- so that a reader that began before finds it there. Where nothing moves, that is one call.
-- The default partition and what is kept are looked through again and again, row by row, and so is
-- a window that is longer than the retention asks for since it was shortened.
-- What a slice leaves is noted in gendurable.progress.
-- Locks:  as gendurable._lock_partition, _sift and _truncate; never waiting.
-- Writes: finished, kept, correlation_keys, progress.
create function gendurable._collect(p_until timestamptz, out forgotten int, out more boolean)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    c_all       constant int := 2147483647;
    v_cutoff    record;
    v_table     regclass;
    v_before    timestamptz;
    v_at        gendurable.progress;
    v_sifted    record;
    v_gone      text[] := array[]::text[];
    v_with_them int := 0;
begin
    forgotten := 0;
    more := false;
    select c.finished, c.failed into v_cutoff from gendurable._cutoffs() as c;

    foreach v_table in array gendurable._old_partitions(v_cutoff.finished) loop
        continue when pg_relation_size(v_table) = 0 or not gendurable._lock_partition(v_table);
        v_at := gendurable._read_progress(v_table::text);
        select s.block, s.forgotten, s.moved, s.stay into v_sifted
        from gendurable._sift(v_table, v_at.position::int, v_cutoff.finished, v_cutoff.failed,
                              false, 'infinity', c_all, p_until) as s;
        v_at.position := coalesce(v_sifted.block, 0)::text;
        v_at.found := v_at.found + v_sifted.forgotten;
        v_at.clean := v_at.clean and v_sifted.moved = 0 and v_sifted.stay = 0;
        more := more or v_sifted.block is not null or v_sifted.moved > 0;
        if v_sifted.block is null and v_at.clean then
            v_gone := v_gone || v_table::text;
            v_with_them := v_with_them + v_at.found;
        end if;
        if v_sifted.block is null then
            -- Truncated, or looked through once more.
            v_at.found := 0;
            v_at.clean := true;
        end if;
        perform gendurable._note_progress(v_at);
        exit when clock_timestamp() >= p_until;
    end loop;

    for v_table, v_before in
        select w.partition, timestamptz '-infinity' from gendurable._windows() as w
        where w.lower < v_cutoff.finished and w.upper > v_cutoff.finished
          and w.upper - w.lower > gendurable._window_length()
        union all
        values ('gendurable.finished_default'::regclass,
                coalesce((select max(w.lower) from gendurable._windows() as w
                          where w.lower < now() - interval '1 minute'),
                         gendurable._partition_start(now() - interval '1 minute'))),
               ('gendurable.kept', '-infinity')
    loop
        if clock_timestamp() >= p_until then
            more := true;
            exit;
        end if;
        v_at := gendurable._read_progress(v_table::text);
        -- Looking alone must not take a whole slice each time.
        select s.block, s.forgotten, s.moved into v_sifted
        from gendurable._sift(v_table, v_at.position::int, v_cutoff.finished, v_cutoff.failed,
                              true, v_before, c_all,
                              least(p_until, clock_timestamp() + interval '20 ms')) as s;
        v_at.position := coalesce(v_sifted.block, 0)::text;
        perform gendurable._note_progress(v_at);
        forgotten := forgotten + v_sifted.forgotten;
        more := more or v_sifted.block is not null and v_sifted.forgotten + v_sifted.moved > 0;
    end loop;

    if gendurable._truncate(v_gone) then
        forgotten := forgotten + v_with_them;
    end if;
end
$$;
comment on function gendurable._collect(timestamptz)
    is 'Forgets what the retention does not keep; answers how many, and whether some are left.';
