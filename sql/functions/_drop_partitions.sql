-- Drops the archive's partitions that end before the cut-off; answers how many instances were forgotten with them.
--
-- A partition with children whose parent still lives stays, and the rest of it is forgotten row by row.
-- drop × a long reader × a commit: an exclusive lock that waits behind somebody's long SELECT makes every commit wait behind it. So locks are taken only
-- if they are free at once, the archive's own in the very end, and counting is done before. Where the archive's lock is not free the
-- partitions are emptied (which takes only their own lock) and dropped another time: space is given back under any load.
-- Locks:  the old partitions (share, then access exclusive), then finished and finished_default (access exclusive), all NOWAIT. Writes: finished, correlation_keys.
create function gendurable._drop_partitions(p_cutoff timestamptz) returns int
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
    v_old       regclass[];
    v_one       regclass;
    v_rows      bigint;
    v_kept      boolean;
    v_droppable text[] := array[]::text[];
    v_name      text;
    v_forgotten bigint := 0;
begin
    v_old := array(
        select c.oid::regclass
        from pg_inherits as h
        join pg_class as c on c.oid = h.inhrelid
        where h.inhparent = 'gendurable.finished'::regclass
          and (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''(.+)''\)'))[1]::timestamptz <= p_cutoff
        order by c.relname);

    foreach v_one in array v_old loop
        begin
            -- Readers go on; writers have no business in a window that is over.
            execute format('lock table %s in share mode nowait', v_one);
            execute format('select count(*), bool_or(f.parent_id is not null and exists (select from gendurable.instances as p where p.id = f.parent_id))
                            from %s as f', v_one)
            into v_rows, v_kept;
            if v_kept is not true then
                v_droppable := v_droppable || v_one::text;
                v_forgotten := v_forgotten + v_rows;
            end if;
        exception when lock_not_available then
            null;   -- its turn comes with the next collection
        end;
    end loop;
    if cardinality(v_droppable) = 0 then
        return 0;
    end if;

    begin
        execute format('lock table %s in access exclusive mode nowait', array_to_string(v_droppable, ', '));
        foreach v_name in array v_droppable loop
            execute format('delete from gendurable.correlation_keys as k using %s as f
                            where f.correlation_scope is not null and k.key = f.correlation_key and k.instance_id = f.id', v_name);
        end loop;
        execute format('truncate %s', array_to_string(v_droppable, ', '));
    exception when lock_not_available then
        return 0;
    end;
    begin
        lock table only gendurable.finished, gendurable.finished_default in access exclusive mode nowait;
        execute format('drop table %s', array_to_string(v_droppable, ', '));
    exception when lock_not_available then
        null;
    end;
    return v_forgotten;
end
$$;
comment on function gendurable._drop_partitions(timestamptz) is 'Drops old partitions of the archive; answers how many instances went with them.';
