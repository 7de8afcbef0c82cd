-- The doorbells of a kind, in the order of their runs, so about in that in which they were rung.
--
-- Locks: none. Writes: nothing. Plan: limit_trails_pkey; doorbells_run, from the bound on, and the
-- few runs before it. It is inlined.
create function gendurable._rung(p_kind gendurable.doorbell_kind)
returns table (place tid, key text, rung_by xid8, after text)
language sql stable
begin atomic
    select d.place, d.key, d.rung_by, d.after
    from (select x.* from gendurable._limit_floors() as x offset 0) as f
    cross join lateral (
        (select x.ctid as place, x.key, x.rung_by, x.after
         from gendurable.doorbells as x
         where x.kind = p_kind and x.run = any (f.runs) and x.run < f.bound)
        union all
        (select x.ctid, x.key, x.rung_by, x.after
         from gendurable.doorbells as x
         where x.kind = p_kind and x.run >= f.bound
         order by x.kind, x.run)
    ) as d;
end;
comment on function gendurable._rung(gendurable.doorbell_kind)
    is 'The doorbells of a kind, in the order of their runs.';
