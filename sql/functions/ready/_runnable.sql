-- The phase of an instance that becomes runnable. One with a concurrency key or a rate limit
-- waits for an offer, however many slots or tokens there are: the ring that comes with it makes
-- the next pick look, and a crowd of one key never stands in the way of others. (Newcomers may
-- do better: gendurable._estimate_free_slots.)
create function gendurable._runnable(p_concurrency_key text, p_rate_limit text, p_later boolean)
returns gendurable.phase
language sql immutable parallel safe
-- Each literal is cast, not the whole: a cast from text to an enum is no constant, and would keep
-- the planner from inlining this.
return case when p_later then 'scheduled'::gendurable.phase
            when p_concurrency_key is not null then 'held'::gendurable.phase
            when p_rate_limit is not null then 'throttled'::gendurable.phase
            else 'ready'::gendurable.phase end;
comment on function gendurable._runnable(text, text, boolean)
    is 'The phase of an instance that becomes runnable, now or later.';
