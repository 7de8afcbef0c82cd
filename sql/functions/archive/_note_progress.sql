-- Notes where a task of maintenance goes on; nothing, where that is the beginning. The caller holds
-- the task's lock (gendurable._lock_maintenance).
--
-- Writes: progress. Plan: progress_pkey.
create function gendurable._note_progress(p_at gendurable.progress) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_at.position in ('0', '') then
        delete from gendurable.progress as p where p.task = p_at.task;
    else
        insert into gendurable.progress as p (task, position, found, clean)
        values (p_at.task, p_at.position, p_at.found, p_at.clean)
        on conflict (task) do update
        set position = excluded.position, found = excluded.found, clean = excluded.clean;
    end if;
end
$$;
comment on function gendurable._note_progress(gendurable.progress)
    is 'Notes where a task of maintenance goes on.';
