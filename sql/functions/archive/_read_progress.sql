-- Where a task of maintenance goes on: at the beginning, where no call has left anything.
--
-- Locks: none. Writes: nothing. Plan: progress_pkey.
create function gendurable._read_progress(p_task text) returns gendurable.progress
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_at gendurable.progress;
begin
    select p.* into v_at from gendurable.progress as p where p.task = p_task;
    if not found then
        v_at := row(p_task, '0', 0, true)::gendurable.progress;
    end if;
    return v_at;
end
$$;
comment on function gendurable._read_progress(text) is 'Where a task of maintenance goes on.';
