-- Whether a pick has something to answer: for tokens (a doorbell, or a bucket that is due), for
-- slots. Where there is something for tokens it does not look for slots: that comes afterwards.
--
-- Locks: none. Writes: nothing.
-- Plan:  limit_trails_pkey; doorbells_run, buckets_due from where the trail says; it is inlined.
create function gendurable._announced(p_now timestamptz)
returns table (tokens boolean, slots boolean)
language sql stable
begin atomic
    select t.tokens,
           not t.tokens
           and (exists (select from gendurable.doorbells as d
                        where d.kind = 'slot' and d.run >= t.bound)
                or exists (select from gendurable.doorbells as d
                           where d.kind = 'concurrency_limit' and d.run >= t.bound)
                or t.runs <> '{}'
                   and exists (select from gendurable.doorbells as d
                               where d.kind in ('slot', 'concurrency_limit')
                                 and d.run = any (t.runs)))
    from (select f.bound, f.runs,
                 exists (select from gendurable.doorbells as d
                         where d.kind = 'tokens' and d.run >= f.bound)
                 or exists (select from gendurable.doorbells as d
                            where d.kind = 'rate_limit' and d.run >= f.bound)
                 or f.runs <> '{}'
                    and exists (select from gendurable.doorbells as d
                                where d.kind in ('tokens', 'rate_limit')
                                  and d.run = any (f.runs))
                 or exists (select from gendurable.buckets as b
                            where b.due_at >= f.due and b.due_at <= p_now) as tokens
          from (select x.* from gendurable._limit_floors() as x offset 0) as f
          offset 0) as t;
end;
comment on function gendurable._announced(timestamptz)
    is 'Whether a pick has doorbells to answer, for tokens or for slots.';
