-- Empties the archive's partitions that end before the cut-off; answers how many instances were
-- forgotten with them.
--
-- A partition with children of parents that live, or can be brought back to the step that joined
-- them, stays; the rest of it is forgotten row by row.
-- Locks:  the old partitions (share, then access exclusive), NOWAIT: what another transaction reads
--         is emptied another time.
-- Writes: finished, correlation_keys.
create function gendurable._empty_partitions(p_cutoff timestamptz) returns int
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_name      text;
    v_rows      int;
    v_kept      boolean;
    v_empty     text[] := array[]::text[];
    v_forgotten int := 0;
begin
    foreach v_name in array gendurable._old_partitions(p_cutoff) loop
        begin
            -- Readers go on; writers have no business in a window that is over.
            execute format('lock table %s in share mode nowait', v_name);
            execute format(
                'select count(*)::int,
                        bool_or(f.parent_id is not null
                                and (exists (select from gendurable.instances as p
                                             where p.id = f.parent_id)
                                     or ((f.parent_id, f.parent_round)
                                         in (select j.id, j.round
                                             from gendurable._failed_joins($1) as j)) is true))
                 from %s as f',
                v_name)
            into v_rows, v_kept using p_cutoff;
            if v_kept is false then
                v_empty := v_empty || v_name;
                v_forgotten := v_forgotten + v_rows;
            end if;
        exception when lock_not_available then
            null;   -- its turn comes with the next collection
        end;
    end loop;
    if cardinality(v_empty) = 0 then
        return 0;
    end if;

    execute format('lock table %s in access exclusive mode nowait', array_to_string(v_empty, ', '));
    foreach v_name in array v_empty loop
        execute format(
            'delete from gendurable.correlation_keys as k
             using %s as f
             where f.correlation_scope is not null
               and k.key = f.correlation_key and k.instance_id = f.id',
            v_name);
    end loop;
    execute format('truncate %s', array_to_string(v_empty, ', '));
    return v_forgotten;
exception when lock_not_available then
    return 0;
end
$$;
comment on function gendurable._empty_partitions(timestamptz)
    is 'Empties old partitions of the archive; answers how many instances went with them.';
