-- For concurrency keys for which instances wait: those that have an offer of a slot, and the first
-- that wait; and which of them are to have one, because as many slots are free.
--
-- A queue has a line of its own, so that a slot does not wait for a row of a paused or full queue,
-- or of one without workers. In a queue each kind that no live worker can run has one as well
-- (p_kinds: those of the pick that calls it can).
-- Locks: none. Writes: nothing.
-- Plan:  as gendurable._capacity, _of_keys and _declared; kinds_pkey.
create function gendurable._slot_line(p_keys text[], p_kinds int[] default null)
returns table (key text, id bigint, held boolean, offered boolean)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = on
set enable_sort = on
set jit = off
as $$
begin
    return query
    with slot as materialized (
        select k.key, c.free
        from (select distinct x from unnest(p_keys) as x) as k (key)
        cross join lateral gendurable._capacity(k.key) as c
    ), waits as materialized (
        -- Of each kind as many as there are slots: of the line no more can have one.
        select h.*
        from (select array_agg(s.key) as keys,
                     array_agg(greatest(s.free, 1)::int) as each from slot as s) as a
        cross join lateral gendurable._of_keys('slot', a.keys, 'held', 1, a.each) as h
    ), found as materialized (
        select w.*, true as held from waits as w
        union all
        select r.*, false
        from gendurable._of_keys('slot', array(select distinct w.key from waits as w),
                                 'ready', null) as r
    ), lines as materialized (
        select k.id as kind, k.queue,
               case when k.id not in (select unnest(p_kinds))
                         and k.id <> all (gendurable._declared(
                             array(select distinct f.kind from found as f), clock_timestamp()))
                    then k.id end as alone
        from gendurable.kinds as k
        where k.id in (select f.kind from found as f)
    )
    select n.key, n.id, n.held, n.place <= n.free
    from (select f.key, f.id, f.held, s.free,
                 row_number() over (partition by f.key, l.queue, l.alone
                                    order by f.priority, f.eligible_at, f.id) as place,
                 bool_or(f.held) over (partition by f.key, l.queue, l.alone) as waited
          from found as f
          join lines as l on l.kind = f.kind
          join slot as s on s.key = f.key) as n
    where n.waited;
end
$$;
comment on function gendurable._slot_line(text[], int[])
    is 'What is offered a slot of concurrency keys, and what is to be.';
