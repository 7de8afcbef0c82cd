-- Forgets what happened before the cut-off; answers whether some of it is left. Called by the one
-- transaction that maintains the archive.
--
-- A partition whose window is over is truncated, and dropped when it can be
-- (gendurable._drop_partitions).
-- Locks:  as gendurable._truncate: what another transaction reads is emptied another time.
-- Writes: history, history_kept, progress.
create function gendurable._collect_history(p_cutoff timestamptz) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table regclass;
    v_more  boolean;
begin
    foreach v_table in array gendurable._old_partitions(p_cutoff, 'gendurable.history') loop
        -- One by one: a reader of one of them must not keep the others.
        if pg_relation_size(v_table) > 0 then
            perform gendurable._truncate(array[v_table::text]);
        end if;
    end loop;
    v_more := gendurable._sift_history('gendurable.history_default', p_cutoff, true);
    return gendurable._sift_history('gendurable.history_kept', p_cutoff, false) or v_more;
end
$$;
comment on function gendurable._collect_history(timestamptz)
    is 'Forgets what happened before a moment; answers whether some of it is left.';
