-- Says that this transaction is about to make rows ready, and answers since when they are and what
-- gendurable._lane needs to know.
--
-- The door: whatever makes rows ready calls this before the statement that writes them, gives them
-- their phase by gendurable._runnable (or makes them an offer) and their lane by gendurable._lane,
-- and hands what the statement returns to gendurable._announce.
-- The transaction has its id before it looks at the fence and at any trail: the condition is
-- evaluated first. So whatever moves a floor later on sees this transaction among those that are
-- open, or sees what it wrote.
-- It is inlined. Locks: none. Writes: nothing.
create function gendurable._enter_ready() returns gendurable.entrance
language sql volatile
return row(
    now(),
    gendurable._run(pg_current_xact_id()),
    case when pg_current_xact_id() is not null
         then timestamptz 'epoch'
              + coalesce(pg_sequence_last_value('gendurable.fence'), 0) * interval '1 microsecond'
    end,
    current_setting('transaction_isolation') = 'read committed')::gendurable.entrance;
comment on function gendurable._enter_ready()
    is 'Says that this transaction is about to make rows ready.';
