-- Forgets the floors of concurrency keys that were not used for a day; answers how many. It looks
-- at a thousand keys in a call, and the next call goes on behind them.
--
-- A key without a floor is counted from its first claim on: that is right, and only slower. The
-- lock of the name spares a pick the wait for a floor that is being deleted.
-- Locks:  keys by name, never waiting; the caller holds the lock of maintenance.
-- Writes: busy_floors, progress. Plan: busy_floors_latest, walked key by key; instances_busy.
create function gendurable._sweep_busy_floors() returns int
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    c_most  constant int := 1000;
    v_at    gendurable.progress := gendurable._read_progress('busy_floors');
    v_old   text[];
    v_swept int;
begin
    if v_at.position = '0' then
        v_at.position := '';
    end if;
    with recursive floor as (
        (select f.key, f.since from gendurable.busy_floors as f
         where f.key > v_at.position
         order by f.key, f.since desc
         limit 1)
        union all
        select n.key, n.since
        from floor as r
        cross join lateral (
            select f.key, f.since from gendurable.busy_floors as f
            where f.key > r.key
            order by f.key, f.since desc
            limit 1
        ) as n
    )
    select array_agg(w.key) filter (where w.since < now() - interval '1 day'),
           case when count(*) = c_most then max(w.key) else '' end
    into v_old, v_at.position
    from (select r.* from floor as r limit c_most) as w;
    perform gendurable._note_progress(v_at);
    v_old := array(select k from unnest(v_old) as k where gendurable._lock_name('slot', k));
    -- A new statement, younger than the locks.
    delete from gendurable.busy_floors as f
    where f.key = any (v_old) and f.since < now() - interval '1 day'
      and not exists (select from gendurable.instances as e
                      where e.concurrency_key = f.key and e.phase = 'executing'
                        and e.claimed_at >= f.since);
    get diagnostics v_swept = row_count;
    return v_swept;
end
$$;
comment on function gendurable._sweep_busy_floors() is
    'Forgets the floors of concurrency keys that were not used for a day.';
