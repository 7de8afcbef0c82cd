-- Drops the archive's partitions that end before the cut-off; answers how many instances were forgotten with them.
--
-- Children whose parent still lives are carried over. A partition is dropped only if its locks are free at once: an exclusive lock that waits behind
-- somebody's long SELECT would make every commit wait behind it. Where the archive's own lock is not free, the partition is
-- emptied (which takes its own lock only) and dropped another time, so that space is given back under any load.
-- Locks:  each partition (share, then access exclusive, NOWAIT), finished (access exclusive, NOWAIT). Writes: finished.
create function gendurable._drop_partitions(p_cutoff timestamptz) returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
    v_partition regclass;
    v_rows      bigint;
    v_kept      gendurable.finished[];
    v_forgotten bigint := 0;
begin
    for v_partition in
        select c.oid::regclass
        from pg_inherits as h
        join pg_class as c on c.oid = h.inhrelid
        where h.inhparent = 'gendurable.finished'::regclass
          and (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''(.+)''\)'))[1]::timestamptz <= p_cutoff
        order by c.relname
    loop
        begin
            -- Readers go on while the rows are counted; writers have no business in a window that is over.
            execute format('lock table %s in share mode nowait', v_partition);
            execute format('select count(*), array_agg(f) filter (where f.parent_id is not null and exists (
                                select from gendurable.instances as p where p.id = f.parent_id))
                            from %s as f', v_partition)
            into v_rows, v_kept;
            execute format('lock table %s in access exclusive mode nowait', v_partition);
            execute format('truncate %s', v_partition);
            v_forgotten := v_forgotten + v_rows - coalesce(cardinality(v_kept), 0);

            begin
                lock table only gendurable.finished in access exclusive mode nowait;
                execute format('drop table %s', v_partition);
            exception when lock_not_available then
                null;   -- emptied; dropped when nobody is writing the archive at the moment
            end;
            insert into gendurable.finished select k.* from unnest(v_kept) as k;
        exception when lock_not_available then
            null;       -- somebody reads it; the next collection tries again
        end;
    end loop;
    return v_forgotten;
end
$$;
comment on function gendurable._drop_partitions(timestamptz) is 'Drops old partitions of the archive; answers how many instances went with them.';
