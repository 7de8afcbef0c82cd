-- Notes that something was left behind: a lock of another transaction was in the way, which tells
-- of its end to none; or there was too much for one look. So gd_next_due lets the worker look again
-- in a moment, where it is asked in the transaction of the pick.
--
-- Always false, so that it may stand behind a lock: `try_lock(...) or _look_again()`.
-- Locks: none. Writes: nothing (a setting of the transaction).
create function gendurable._look_again() returns boolean
language sql volatile
return set_config('gendurable.look_again', 'on', true) <> 'on';
comment on function gendurable._look_again()
    is 'Notes that something was left behind, for another look in a moment; false.';
