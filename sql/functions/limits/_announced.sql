-- Whether a pick has something to answer: for tokens (a doorbell, or a bucket that is due), for
-- slots. Where there is something for tokens it does not look for slots: that comes afterwards.
--
-- Locks: none. Writes: nothing. Plan: doorbells_key, buckets_due from its floor on; it
-- is inlined.
create function gendurable._announced(p_now timestamptz)
returns table (tokens boolean, slots boolean)
language sql stable
begin atomic
    select t.tokens,
           not t.tokens and exists (select from gendurable.doorbells as d
                                    where d.kind in ('slot', 'concurrency_limit'))
    from (select exists (select from gendurable.doorbells as d
                         where d.kind in ('tokens', 'rate_limit'))
                 or exists (select from gendurable.buckets as b
                            where b.due_at >= coalesce((select f.due
                                                        from gendurable._due_floors() as f),
                                                       timestamptz '-infinity')
                              and b.due_at <= p_now) as tokens
          offset 0) as t;
end;
comment on function gendurable._announced(timestamptz)
    is 'Whether a pick has doorbells to answer, for tokens or for slots.';
