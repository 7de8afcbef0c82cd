-- How many newcomers of concurrency keys may be born ready, because slots are free: none where an
-- instance waits already.
--
-- A guess, made without a lock: gd_pick counts again. Too many offers do no harm as long as
-- they are few, so of a limit above a hundred a hundred offers are enough, and what executes is
-- not counted there.
-- Locks: none. Writes: nothing.
-- Plan:  as gendurable._count_of_keys and _capacity.
create function gendurable._estimate_free_slots(p_keys text[]) returns table (key text, vacant int)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
    c_most constant int := 100;
begin
    return query
    with waits as materialized (
        select w.* from gendurable._count_of_keys(p_keys, 'held', 1) as w
    )
    select w.key, 0 from waits as w where w.found > 0
    union all
    select o.key,
           greatest(case when c.most > c_most then c_most else c.free::int end - o.found, 0)
    from gendurable._count_of_keys(array(select w.key from waits as w where w.found = 0),
                                   'ready', c_most) as o
    cross join lateral gendurable._capacity(o.key) as c;
end
$$;
comment on function gendurable._estimate_free_slots(text[]) is
    'How many newcomers of concurrency keys may be born ready.';
