-- Tells the workers that sleep of places that have become free in some queues, as far as these have
-- a limit and instances are ready in them that a worker can run. Called by what ends claims, after
-- it has ended them, and by a pick that leaves places.
--
-- freed place x pick: a pick that counts before the claim has ended leaves its worker asleep. If it
-- has said so before, it is seen here; if it says so now, it looks once more by itself (gd_pick).
-- freed place x enqueue: an instance that cannot be seen yet is announced by what makes it ready.
-- Locks:  none. Writes: nothing.
-- Plan:   queues_limited, which is empty where there is no limit; as gendurable._sleeping; for the
--         queues in which a worker sleeps kinds_key, and as gendurable._places and _heads.
create function gendurable._announce_places(p_queues text[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
begin
    perform gendurable._announce(array[r.queue], p_kinds => r.kinds)
    from (select l.queue,
                 array(select distinct (h.lane >> 40)::int
                       from unnest(gendurable._heads(gendurable._places(array(
                           select k.id from gendurable.kinds as k
                           where k.queue = l.queue)))) as h) as kinds
          from (select distinct n.queue
                from unnest(p_queues) as n (queue)
                join gendurable.queues as q on q.name = n.queue
                where q.max_executing is not null) as l
          where exists (select from gendurable._sleeping() as s
                        where l.queue = any (s.queues))) as r
    where r.kinds <> '{}';
end
$$;
comment on function gendurable._announce_places(text[])
    is 'Tells the workers that sleep of places that have become free.';
