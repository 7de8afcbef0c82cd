-- How many instances of a concurrency key may execute at once, and how many slots of it are free:
-- never less than none.
--
-- What executes is counted, never stored, so `free` is exact only for the holder of the name's
-- lock, in a statement younger than the lock; for all others it is a guess.
-- Locks: none. Writes: nothing.
-- Plan:  concurrency_limits_pkey, busy_floors_latest; instances_busy from the floor on, as many
--        entries as may execute; it is inlined.
create function gendurable._capacity(p_key text) returns table (most int, free bigint)
language sql stable
begin atomic
    select l.most,
           l.most - (select count(*)
                     from (select from gendurable.instances as e
                           where e.concurrency_key = p_key and e.phase = 'executing'
                             and e.claimed_at >= coalesce((select f.since
                                                           from gendurable._busy_floor(p_key) as f),
                                                          '-infinity')
                           limit l.most) as x)
    -- An aggregate, so that there is one row, whether or not a limit is set.
    from (select max(x.max_executing) as max_executing
          from gendurable.concurrency_limits as x
          where x.name = gendurable._policy(p_key)) as c
    cross join lateral (select gendurable._max_executing(c.max_executing) as most) as l;
end;
comment on function gendurable._capacity(text)
    is 'How many instances of a concurrency key may execute, and how many slots are free.';
