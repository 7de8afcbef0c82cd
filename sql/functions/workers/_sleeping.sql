-- The workers that sleep, with the queues in which they do: of those their latest pick came back
-- short.
--
-- Locks: none. Writes: nothing.
-- Plan:  workers_pkey, all of it, and of each worker its lease. It is inlined.
create function gendurable._sleeping() returns table (worker_id bigint, queues text[])
language sql stable
begin atomic
    select w.id, l.idle_queues
    from gendurable.workers as w
    cross join lateral gendurable._lease(w.id) as l
    where l.idle_queues <> '{}';
end;
comment on function gendurable._sleeping() is 'The workers that sleep, and in which queues.';
