-- From which moments on buckets may be due, and full. No row: nothing is known.
--
-- A transaction that was open for long when the floors rose may have left something below them:
-- once it has ended, a look begins where it may be, until the floors are moved again (`moves`: that
-- is worth it).
-- Locks: none. Writes: nothing. Plan: limit_trails_pkey, one descent; it is inlined.
create function gendurable._due_floors()
returns table (due timestamptz, "full" timestamptz, moves boolean)
language sql stable
begin atomic
    select least(t.due_floor, s.due_from), least(t.full_floor, s.full_from),
           s.due_from is not null
    from (select x.* from gendurable.limit_trails as x
          where x.xmin = x.xid::xid
          order by x.seq desc
          limit 1) as t
    cross join lateral (
        select min(p.due_from) as due_from, min(p.full_from) as full_from
        from unnest(t.pending) as p
        where pg_visible_in_snapshot(p.xid, pg_current_snapshot())
    ) as s;
end;
comment on function gendurable._due_floors() is
    'From which moments on buckets may be due, and full.';
