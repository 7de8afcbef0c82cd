-- The trail of a concurrency key ('slot') or a rate limit ('tokens'); no row: nothing is known.
--
-- Locks: none. Writes: nothing.
-- Plan:  key_trails_pkey backwards to the first entry; it is inlined.
create function gendurable._key_trail(p_sort gendurable.doorbell_kind, p_key text)
returns setof gendurable.key_trails
language sql stable
begin atomic
    select t.sort, t.key, t.seq, t.xid, t.moved_at, t.next, t.floors, t.bound, t.pending
    from gendurable.key_trails as t
    where t.sort = p_sort and t.key = p_key and t.xmin = t.xid::xid
    order by t.sort desc, t.key desc, t.seq desc
    limit 1;
end;
comment on function gendurable._key_trail(gendurable.doorbell_kind, text) is
    'The trail of a concurrency key or a rate limit.';
