-- Replaces rows of occurrences by what is to stand now, and says with it from when on a schedule of
-- the queue may be due.
--
-- p_rows: what is to stand. p_gone: what they replace, and what stood for its bound alone.
-- Locks:  the caller holds p_gone.
-- Writes: occurrences.
-- Plan:   occurrences_pkey; as gendurable._schedule_due.
create function gendurable._turn_over(p_queue text, p_bound gendurable.bound,
                                      p_rows gendurable.occurrences[], p_gone bigint[])
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
begin
    -- One statement, so that all of it is seen with one snapshot: the one that is written down.
    with gone as (
        delete from gendurable.occurrences as o where o.id = any (p_gone)
    ), bound as materialized (
        select least(gendurable._schedule_due(p_queue, p_bound, p_gone),
                     (select min(r.due_at) from unnest(p_rows) as r)) as none_before,
               pg_snapshot_xmax(pg_current_snapshot()) as unseen_from,
               array(select x from pg_snapshot_xip(pg_current_snapshot()) as x) as unseen
    )
    insert into gendurable.occurrences
        (schedule, queue, due_at, next_at, last_at, last_id, fired, skipped,
         none_before, unseen_from, unseen)
    select r.schedule, r.queue, r.due_at, r.next_at, r.last_at, r.last_id, r.fired, r.skipped,
           b.none_before, b.unseen_from, b.unseen
    from unnest(p_rows) as r cross join bound as b;
end
$$;
comment on function gendurable._turn_over(text, gendurable.bound, gendurable.occurrences[],
                                          bigint[])
    is 'Replaces rows of occurrences, and says when a schedule may next be due.';
