-- Where looks begin: from which moments on buckets may be due, and full; from which run on, and in
-- which runs before that, there may be doorbells. Always one row.
--
-- A transaction that was open for long when these rose may have left something behind them. Once it
-- has ended, a look begins where that may be, until they are moved again (`moves`: that is worth
-- it), and reads its run of doorbells.
-- Locks: none. Writes: nothing. Plan: limit_trails_pkey, one descent; it is inlined.
create function gendurable._limit_floors()
returns table (due timestamptz, "full" timestamptz, moves boolean, bound bigint, runs bigint[])
language sql stable
begin atomic
    select coalesce(case when t.pending = '{}' then t.due_floor
                         else (select least(t.due_floor, min(p.due_from))
                               from unnest(t.pending) as p
                               where pg_visible_in_snapshot(p.xid, pg_current_snapshot())) end,
                    '-infinity'),
           coalesce(case when t.pending = '{}' then t.full_floor
                         else (select least(t.full_floor, min(p.full_from))
                               from unnest(t.pending) as p
                               where pg_visible_in_snapshot(p.xid, pg_current_snapshot())) end,
                    '-infinity'),
           coalesce(t.pending <> '{}'
                    and exists (select from unnest(t.pending) as p
                                where pg_visible_in_snapshot(p.xid, pg_current_snapshot())),
                    false),
           coalesce(t.bound, 0),
           case when t.runs = '{}' and t.ringing = '{}' then t.runs
                else array(select r from unnest(t.runs) as r
                           union
                           select gendurable._run(x) from unnest(t.ringing) as x
                           where pg_visible_in_snapshot(x, pg_current_snapshot())) end
    from (select) as one
    left join (select x.* from gendurable.limit_trails as x
               where x.xmin = x.xid::xid
               order by x.seq desc
               limit 1) as t on true;
end;
comment on function gendurable._limit_floors() is
    'Where looks for what is due, for what is full and for doorbells begin.';
