-- Notes that a failed instance has been brought back, to the step that failed or another one.
--
-- Locks:  the caller holds the instance. Writes: history.
create function gendurable._note_revived(p_failed gendurable.finished, p_step text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if gendurable._is_noted(gendurable._levels(), p_failed.fsm, true) then
        insert into gendurable.history (instance_id, at, fence, attempt, event, step)
        values (p_failed.id, clock_timestamp(), p_failed.fence, 0, 'revived',
                coalesce(p_step, p_failed.step));
    end if;
end
$$;
comment on function gendurable._note_revived(gendurable.finished, text)
    is 'Notes that a failed instance has been brought back in the history.';
