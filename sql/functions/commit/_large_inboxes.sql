-- Which outcomes, by ord, may not run ahead because the inboxes of those before them and their own
-- are more than an answer may hold: a pick is to hand them out.
--
-- Locks:  the caller holds the instances, and with them their inboxes.
-- Plan:   instances_pkey, signals_pkey.
create function gendurable._large_inboxes(p_outcomes gendurable.outcome[],
                                          p_moves gendurable.move[])
returns int[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
begin
    return array(
        select b.ord
        from (select m.ord, sum(s.bytes) over (order by m.ord rows unbounded preceding) as bytes
              from unnest(p_moves) as m
              join unnest(p_outcomes) as o on o.ord = m.ord
              cross join lateral (
                  select coalesce(sum(gendurable._listed_size(x.name, x.payload)), 0) as bytes
                  from gendurable.instances as i
                  join gendurable.signals as x on x.inbox = gendurable._inbox_key(i.id, i.inbox)
                  where i.id = o.id
              ) as s
              where m.may and m.signalled) as b
        where b.bytes > gendurable._most_bytes());
end
$$;
comment on function gendurable._large_inboxes(gendurable.outcome[], gendurable.move[])
    is 'Which outcomes may not run ahead because their inboxes are too large for the answer.';
