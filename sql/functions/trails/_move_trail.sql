-- Moves the trail of a kind behind what the caller has claimed of it, or is about to cancel.
--
-- two picks x one trail: the trail's lock, which the transaction keeps, puts them in an order. A
-- trail that this transaction wrote itself is left alone, because no other one sees its caps yet.
-- The transactions that are open are asked for before the lines and runs are looked at. So what one
-- of them writes later is expected, and what has ended is seen.
-- Locks:  the trail (advisory, until the transaction ends), never waiting.
-- Writes: trails, the sequence fence; instances as gendurable._move_runs.
-- Plan:   trails_pkey; instances_pkey; as gendurable._move_lines, _move_gaps and _move_runs.
create function gendurable._move_trail(p_kind int, p_ids bigint[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    c_least constant bigint := -9223372036854775808;
    v_last  record;
    v_old   gendurable.trails;
    v_new   gendurable.trails;
    v_next  xid8;
    v_open  xid8[];
    v_caps  gendurable.line[];
    v_more  bigint;
begin
    if not pg_try_advisory_xact_lock(26472, p_kind) then
        return;
    end if;
    select t as trail, t.xmin = t.xid::xid as counts into v_last
    from gendurable.trails as t
    where t.kind = p_kind
    order by t.kind, t.seq desc
    limit 1;
    v_old := v_last.trail;
    if v_last.counts is not true then
        v_old := row(p_kind, coalesce(v_old.seq, 0), '0', clock_timestamp(), '{}', '{}', '{}', 1,
                     '{}', '{}')::gendurable.trails;
    elsif v_old.xid >= pg_snapshot_xmax(pg_current_snapshot())
          or pg_xact_status(v_old.xid) <> 'committed' then
        return;
    end if;
    select o.next, o.xids || pg_current_xact_id() into v_next, v_open
    from gendurable._open_transactions() as o;

    v_new := v_old;
    v_new.gaps := gendurable._move_gaps(v_old, v_open);
    v_new := gendurable._move_lines(v_new, v_open[:cardinality(v_open) - 1]);
    v_new := gendurable._move_runs(v_new, v_open, v_next);

    -- The caps rise behind what leaves.
    v_caps := array(
        select distinct on (i.priority)
               row(i.priority, timestamptz '-infinity', c_least, timestamptz '-infinity', c_least,
                   i.eligible_at, i.id)::gendurable.line
        from gendurable.instances as i
        where i.id = any (p_ids) and i.phase in ('executing', 'ready')
          and i.lane = p_kind::bigint << 40
        order by i.priority, i.eligible_at desc, i.id desc);
    -- Where more priorities come than can have a line, the fence alone says no more where one
    -- belongs.
    v_more := (select count(*) from unnest(v_caps) as c
               where c.priority not in (select l.priority from unnest(v_new.lines) as l));
    if gendurable._raise_fence(
           case when cardinality(v_new.lines) + v_more >= gendurable._most_lines()
                then timestamptz '9999-12-31'
                else (select max(c.cap_at) from unnest(v_caps) as c) end) then
        v_new.lines := array(
            select x.line
            from (select l.priority,
                         row(l.priority, l.floor_at, l.floor_id, l.sealed_at, l.sealed_id,
                             n.at, n.id)::gendurable.line as line
                  from unnest(v_new.lines) as l
                  left join unnest(v_caps) as c on c.priority = l.priority
                  cross join lateral (
                      select p.at, p.id
                      from (values (l.cap_at, l.cap_id), (c.cap_at, c.cap_id)) as p (at, id)
                      where p.id is not null
                      order by p.at desc, p.id desc
                      limit 1
                  ) as n
                  union all
                  (select c.priority, c from unnest(v_caps) as c
                   where c.priority not in (select l.priority from unnest(v_new.lines) as l)
                   limit greatest(gendurable._most_lines() - cardinality(v_new.lines), 0))) as x
            order by x.priority);
    end if;

    perform gendurable._write_trail(v_old, v_new);
end
$$;
comment on function gendurable._move_trail(int, bigint[])
    is 'Moves the trail of a kind behind what the caller has claimed.';
