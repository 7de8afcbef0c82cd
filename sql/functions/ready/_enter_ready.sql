-- Says that this transaction is about to make rows ready, and answers the moment since when they
-- are.
--
-- The door: whatever makes rows ready calls this before the statement that writes them, gives them
-- their phase by gendurable._runnable (or makes them an offer), and hands what the statement
-- returns to gendurable._announce. What has to happen before such a write belongs here.
create function gendurable._enter_ready() returns timestamptz
language sql stable parallel safe
return now();
comment on function gendurable._enter_ready()
    is 'Says that this transaction is about to make rows ready; answers since when they are.';
