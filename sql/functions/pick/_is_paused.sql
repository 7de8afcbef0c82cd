-- Whether a queue hands nothing out, because it is paused or its limit is 0, or either is being
-- changed at this moment.
--
-- pause x pick: gd_pause takes the queue's lock exclusively, so it waits for what is being handed
-- out and nothing is handed out after it.
-- Locks: the queue, shared (advisory, until the transaction ends), never waiting.
-- Plan:  queues_pkey.
create function gendurable._is_paused(p_queue text) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if not pg_try_advisory_xact_lock_shared(26469, hashtext(p_queue)) then
        perform gendurable._look_again();    -- the change may be undone
        return true;
    end if;
    -- A statement of its own, younger than the lock.
    return exists (select from gendurable.queues as q
                   where q.name = p_queue and (q.paused or q.max_executing = 0));
end
$$;
comment on function gendurable._is_paused(text) is 'Whether a queue hands nothing out.';
