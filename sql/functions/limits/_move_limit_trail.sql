-- Raises the floors of what is due and of what is full, to the first bucket, as far as all
-- transactions respect a cap; and the bound of the runs of doorbells (gendurable._move_bells).
--
-- Those that began after the trail before the latest one respect its cap. Of the others those that
-- are still open and hold the name of a rate may write earlier moments: they are noted as pending,
-- with the floors that they may have seen. Whatever takes a name from now on looks at the cap after
-- that. What is called when some of them have ended looks where theirs may be.
-- Called once in some five hundred versions of buckets, or doorbells that are used up, so a quiet
-- engine pays nothing.
-- two transactions that move it: its lock, which the transaction keeps, puts them in an order. A
-- trail that this transaction wrote itself is left alone, because no other one sees its cap yet.
-- The transactions that are open are asked for before the buckets are looked at. So what one of
-- them writes later is expected, and what has ended is seen.
-- Locks:  the trail (advisory, until the transaction ends), never waiting.
-- Writes: limit_trails; doorbells as gendurable._move_bells.
-- Plan:   limit_trails_pkey, by ctid; buckets_due and buckets_full, one descent each.
create function gendurable._move_limit_trail() returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_old   gendurable.limit_trails;
    v_new   gendurable.limit_trails;
    v_next  xid8;
    v_all   xid8[];
    v_open  xid8[];
    v_ended gendurable.straggler;
    v_top   bigint;
    v_low   bigint;
    v_place tid;
begin
    if not pg_try_advisory_xact_lock(26475, 0) then
        return;
    end if;
    select t.* into v_old
    from gendurable.limit_trails as t
    where t.xmin = t.xid::xid
    order by t.seq desc
    limit 1;
    if v_old.xid >= pg_snapshot_xmax(pg_current_snapshot())
       or pg_xact_status(v_old.xid) <> 'committed' then
        return;
    end if;
    select pg_snapshot_xmax(s.now),
           array(select x from pg_snapshot_xip(s.now) as x
                 where x <> pg_current_xact_id()) || pg_current_xact_id()
    into v_next, v_all
    from (select pg_current_snapshot() as now) as s;
    v_open := array(select x from unnest(v_all) as x
                    where x < v_old.xid and x <> pg_current_xact_id());
    if v_open <> '{}' then
        v_open := array(
            select x
            from unnest(v_open) as x
            join pg_locks as t on t.locktype = 'transactionid' and t.transactionid = x::xid
                 and t.mode = 'ExclusiveLock'
            where exists (select from pg_locks as n
                          where n.locktype = 'advisory' and n.classid = 26471
                            and n.database = (select d.oid from pg_database as d
                                              where d.datname = current_database())
                            and n.virtualtransaction = t.virtualtransaction));
    end if;
    if v_old.seq is null then
        -- A copy of a row, made in another database, is void, but has its number.
        v_old := row(coalesce((select max(t.seq) from gendurable.limit_trails as t), 0), '0',
                     '-infinity', '-infinity', '-infinity', '-infinity',
                     '{}', 0, '{}', '{}')::gendurable.limit_trails;
    end if;

    select null::xid8, least(v_old.due_floor, min(p.due_from)),
           least(v_old.full_floor, min(p.full_from))
    into v_ended
    from unnest(v_old.pending) as p
    where p.xid <> all (v_open);
    v_new := v_old;
    v_new.seq := v_old.seq + 1;
    v_new.cap := greatest(v_old.cap, clock_timestamp());
    v_new.sealed := v_old.cap;
    v_new.due_floor := least(v_old.sealed, (
        select b.due_at from gendurable.buckets as b
        where b.due_at >= v_ended.due_from
        order by b.due_at
        limit 1));
    v_new.full_floor := least(v_old.sealed, (
        select b.full_at from gendurable.buckets as b
        where b.due_at is null and b.full_at >= v_ended.full_from
        order by b.full_at
        limit 1));
    v_new.pending := array(
        select row(x, coalesce(p.due_from, v_old.due_floor),
                   coalesce(p.full_from, v_old.full_floor))::gendurable.straggler
        from unnest(v_open) as x
        left join unnest(v_old.pending) as p on p.xid = x);

    v_new := gendurable._move_bells(v_new, v_all, v_next);

    delete from gendurable.limit_trails as t where t.seq = v_old.seq;
    v_top := pg_current_xact_id()::text::bigint;
    -- A subtransaction, for its id, as in gendurable._write_trail. Nothing in it fails.
    begin
        insert into gendurable.limit_trails as t
            (seq, xid, cap, sealed, due_floor, full_floor, pending, bound, runs, ringing)
        values (v_new.seq, '0', v_new.cap, v_new.sealed, v_new.due_floor, v_new.full_floor,
                v_new.pending, v_new.bound, v_new.runs, v_new.ringing)
        returning t.ctid, t.xmin::text::bigint into v_place, v_low;
        update gendurable.limit_trails as t
        set xid = (v_top + ((v_low - v_top) & 4294967295))::text::xid8
        where t.ctid = v_place;
    exception when sqlstate 'GD000' then
        null;
    end;
end
$$;
comment on function gendurable._move_limit_trail() is
    'Raises the floors of what is due and of what is full.';
