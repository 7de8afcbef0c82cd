-- Tells workers that sleep that there may be work for them in these queues.
--
-- A notification is only sent for a queue of which some worker's latest pick came back short,
-- because NOTIFY serialises the commits of those who send it. It can be missed by a transaction
-- that was in flight when the worker fell asleep; polling is the floor under it.
-- Locks: none. Writes: nothing. Plan: gendurable.workers, a few rows, read whole.
create function gendurable._notify(p_queues text[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_notify('gendurable', q.queue)
    from unnest(p_queues) as q (queue)
    where exists (select from gendurable.workers as w where q.queue = any (w.idle_queues));
end
$$;
comment on function gendurable._notify(text[])
    is 'Notifies sleeping workers of work in the given queues.';
