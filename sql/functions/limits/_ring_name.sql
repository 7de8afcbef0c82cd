-- Lets the next pick look at every concurrency key of a name for which an instance waits, and wakes
-- whoever sleeps: any queue may have one.
--
-- Which keys those are is not looked up here but by the pick that answers (gendurable._spread),
-- when the change is committed: one that comes to wait in between is found as well, and a
-- transaction with an old snapshot misses nobody.
-- Locks: none. Writes: doorbells. Plan: gendurable.workers, a few rows, read whole.
create function gendurable._ring_name(p_name text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into gendurable.doorbells (kind, key) values ('limit', p_name);
    perform gendurable._notify(array(
        select distinct q
        from gendurable.workers as w
        cross join lateral unnest(w.idle_queues) as q));
end
$$;
comment on function gendurable._ring_name(text)
    is 'Lets the next pick look at every key of a name.';
