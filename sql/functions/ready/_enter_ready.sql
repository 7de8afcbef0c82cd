-- Says that this transaction is about to make rows ready, and answers since when they are and what
-- gendurable._lane needs to know.
--
-- The door: whatever makes rows ready calls this before the statement that writes them, gives them
-- their phase by gendurable._runnable (or makes them an offer) and their lane by gendurable._lane,
-- and hands what the statement returns to gendurable._announce.
-- The transaction has its id before it looks at the fence and at any trail. So whatever moves a
-- floor later on sees this transaction among those that are open, or sees what it wrote.
-- Locks: none. Writes: nothing.
create function gendurable._enter_ready() returns gendurable.entrance
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_in gendurable.entrance;
begin
    v_in.since := now();
    v_in.run := gendurable._run(pg_current_xact_id());
    v_in.fence := timestamptz 'epoch'
                  + coalesce(pg_sequence_last_value('gendurable.fence'), 0)
                    * interval '1 microsecond';
    v_in.current := current_setting('transaction_isolation') = 'read committed';
    return v_in;
end
$$;
comment on function gendurable._enter_ready()
    is 'Says that this transaction is about to make rows ready.';
