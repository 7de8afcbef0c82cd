-- Moves the trail of a concurrency key ('slot') or a rate limit ('tokens'): the floors of its lines
-- to the first instance of each, and the bound of the runs.
--
-- A line is what stands in a phase of one kind and priority. It has a floor from the time on at
-- which one of p_ids has left it.
-- The transactions that are open are asked for before the lines are looked at. So what one of them
-- writes later is expected (from the bound on, or pending), and what has ended is seen. What this
-- transaction has moved itself comes back only if the trail goes as well.
-- Locks:  none; the caller holds the name of the key. Writes: key_trails.
-- Plan:   key_trails_pkey; instances_pkey for p_ids; as gendurable._late_runs, and one descent as
--         gendurable._key_rows or _key_latecomers for each line and run.
create function gendurable._move_key_trail(p_sort gendurable.doorbell_kind, p_key text,
                                           p_ids bigint[])
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = on
set enable_sort = on
set jit = off
as $$
declare
    c_most  constant int := 32;
    c_least constant bigint := -9223372036854775808;
    c_last  constant bigint := 9223372036854775807;
    v_rests constant gendurable.phase := case p_sort when 'slot' then 'held'::gendurable.phase
                                                     else 'throttled' end;
    v_old   gendurable.key_trails;
    v_new   gendurable.key_trails;
    v_open  xid8[];
    v_next  xid8;
    v_top   xid8 := pg_current_xact_id();
    v_place tid;
    v_id    xid;
begin
    select o.next, o.xids || v_top into v_next, v_open from gendurable._open_transactions() as o;
    select t.* into v_old from gendurable._key_trail(p_sort, p_key) as t;
    if not found then
        -- A copy of a row, made in another database, is void, but has its number.
        v_old := row(p_sort, p_key,
                     coalesce((select max(t.seq) from gendurable.key_trails as t
                               where t.sort = p_sort and t.key = p_key), 0),
                     '0', now(), '0', '{}', 0, '{}')::gendurable.key_trails;
    end if;
    v_new := v_old;
    v_new.seq := v_old.seq + 1;
    v_new.next := v_next;
    v_new.bound := greatest(v_old.bound, (
        select min(gendurable._run(x)) from unnest(v_open || v_next) as x where x >= v_old.next));
    v_new.pending := array(
        select x from unnest(v_open) as x
        where x < v_old.next and gendurable._run(x) < v_new.bound
          and (gendurable._run(x) >= v_old.bound or x = any (v_old.pending)));
    v_new.floors := array(
        with line as materialized (
            select l.phase, l.kind, l.priority, l.at, l.id
            from (select f.*, 0 as nth from unnest(v_old.floors) as f
                  union all
                  select p.phase, (i.lane >> 40)::int, i.priority, '-infinity', c_least, 1
                  from gendurable.instances as i
                  cross join unnest(array[v_rests, 'ready']) as p (phase)
                  where i.id = any (p_ids)
                    and case p_sort when 'slot' then i.concurrency_key
                                    else i.rate_limit end = p_key
                    and not exists (select from unnest(v_old.floors) as f
                                    where f.phase = p.phase and f.kind = (i.lane >> 40)
                                      and f.priority = i.priority)
                  group by p.phase, (i.lane >> 40)::int, i.priority) as l
            order by l.nth
            limit c_most
        ), run as materialized (
            select p.phase, r.run
            from unnest(array[v_rests, 'ready']) as p (phase)
            cross join lateral unnest(gendurable._late_runs(v_old, p.phase, v_new.bound))
                as r (run)
            where v_old.floors <> '{}'
        )
        select row(l.phase, l.kind, l.priority, coalesce(n.eligible_at, 'infinity'),
                   coalesce(n.id, c_last))::gendurable.key_floor
        from line as l
        left join lateral (
            select x.eligible_at, x.id
            from ((select r.eligible_at, r.id
                   from gendurable._key_rows(p_sort, p_key, l.phase, l.kind, l.priority, l.at, l.id,
                                             l.priority::bigint + 1, 1) as r)
                  union all
                  (select r.eligible_at, r.id
                   from run as u
                   cross join lateral gendurable._key_latecomers(
                       p_sort, p_key, l.phase, u.run, l.kind, l.priority, l.at, l.id, 1) as r
                   where u.phase = l.phase)) as x
            order by x.eligible_at, x.id
            limit 1
        ) as n on true);

    delete from gendurable.key_trails as t
    where t.sort = p_sort and t.key = p_key and t.seq = v_old.seq;
    insert into gendurable.key_trails as t
        (sort, key, seq, xid, moved_at, next, floors, bound, pending)
    values (p_sort, p_key, v_new.seq, v_top, now(), v_new.next, v_new.floors, v_new.bound,
            v_new.pending)
    returning t.ctid, t.xmin into v_place, v_id;
    if v_id <> v_top::xid then
        -- In a subtransaction, which has an id of its own.
        update gendurable.key_trails as t set xid = gendurable._full_id(v_top, v_id)
        where t.ctid = v_place;
    end if;
end
$$;
comment on function gendurable._move_key_trail(gendurable.doorbell_kind, text, bigint[])
    is 'Moves the trail of a concurrency key or a rate limit.';
