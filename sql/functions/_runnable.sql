-- The phase of an instance that becomes runnable. One with a concurrency key waits for an offer, however many slots are free: the ring that comes with it
-- makes the next pick look, and a crowd of one key can never stand in anybody's way.
create function gendurable._runnable(p_concurrency_key text, p_later boolean) returns gendurable.phase
language sql immutable parallel safe
return (case when p_later then 'scheduled' when p_concurrency_key is not null then 'held' else 'ready' end)::gendurable.phase;
comment on function gendurable._runnable(text, boolean) is 'The phase of an instance that becomes runnable, now or later.';
