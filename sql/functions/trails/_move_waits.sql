-- Notes where nothing waits for a moment in a queue: before the first instance, between the first
-- few, and where that was known already, but for what runs that are closed since have brought.
--
-- Called once in some hundred claims, so a quiet engine pays nothing. All of it holds for good:
-- an instance that waits is written once, with its moment and its run, and leaves.
-- two picks x one queue: the lock, which the transaction keeps, puts them in an order.
-- The transactions that are open are asked for before the instances are looked at. So a run is
-- closed if none of them is in it, and what has ended is seen. One that was open already when the
-- row before was written does not hold the bound: it is pending.
-- Locks:  the queue's row (advisory, until the transaction ends), never waiting.
-- Writes: waits. Plan: waits_pkey; as gendurable._waiting_runs, _filled and _first_wait.
create function gendurable._move_waits(p_queue text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    c_looks constant int := 8;
    c_holes constant int := 16;
    v_last  record;
    v_old   gendurable.waits;
    v_new   gendurable.waits;
    v_open  xid8[];
    v_next  xid8;
    v_runs  bigint[];
    v_at    timestamptz := timestamptz '-infinity';
    v_first timestamptz;
    v_top   bigint;
    v_place tid;
    v_low   bigint;
begin
    if not pg_try_advisory_xact_lock(26474, hashtext(p_queue)) then
        return;
    end if;
    select w as waits, w.xmin = w.xid::xid as counts into v_last
    from gendurable.waits as w
    where w.queue = p_queue
    order by w.queue, w.seq desc
    limit 1;
    v_old := v_last.waits;
    if v_last.counts is not true then
        v_old := row(p_queue, coalesce(v_old.seq, 0), '0', '{}', 0, '{}')::gendurable.waits;
    elsif v_old.xid >= pg_snapshot_xmax(pg_current_snapshot())
          or pg_xact_status(v_old.xid) <> 'committed' then
        return;
    end if;
    select array(select x from pg_snapshot_xip(s.now) as x
                 where x <> pg_current_xact_id()) || pg_current_xact_id(),
           pg_snapshot_xmax(s.now)
    into v_open, v_next
    from (select pg_current_snapshot() as now) as s;

    v_new := v_old;
    v_new.bound := greatest(v_old.bound, (
        select min(gendurable._run(x)) from unnest(v_open || v_next) as x where x >= v_old.xid));
    v_new.pending := array(
        select x from unnest(v_open) as x
        where x < v_old.xid and gendurable._run(x) < v_new.bound
          and (gendurable._run(x) >= v_old.bound or x = any (v_old.pending)));
    if v_old.holes <> '{}' then
        v_runs := gendurable._waiting_runs(p_queue, v_old.bound, v_new.bound)
                  || array(select distinct gendurable._run(x) from unnest(v_old.pending) as x
                           where x <> all (v_open));
        v_new.holes := v_old.holes - gendurable._filled(p_queue, v_runs, v_old.holes);
    end if;
    for v_look in 1 .. c_looks loop
        v_first := gendurable._first_wait(p_queue, v_at, v_new.holes);
        v_new.holes := v_new.holes + tstzmultirange(tstzrange(v_at, v_first));
        exit when v_first = 'infinity';
        v_at := v_first + interval '1 microsecond';
    end loop;
    v_new.holes := coalesce((
        select range_agg(n.hole)
        from (select h as hole from unnest(v_new.holes) as h
              order by extract(epoch from upper(h)) - extract(epoch from lower(h)) desc
              limit c_holes) as n), '{}');

    delete from gendurable.waits as w where w.queue = p_queue and w.seq <= v_old.seq;
    -- As in gendurable._write_trail. The block is there for the id. Nothing in it fails.
    v_top := pg_current_xact_id()::text::bigint;
    begin
        insert into gendurable.waits as w (queue, seq, xid, holes, bound, pending)
        values (p_queue, v_old.seq + 1, '0', v_new.holes, v_new.bound, v_new.pending)
        returning w.ctid, w.xmin::text::bigint into v_place, v_low;
        update gendurable.waits as w
        set xid = (v_top + ((v_low - v_top) & 4294967295))::text::xid8
        where w.ctid = v_place;
    exception when sqlstate 'GD000' then
        null;
    end;
end
$$;
comment on function gendurable._move_waits(text)
    is 'Notes where nothing waits for a moment in a queue.';
