-- Those that have an offer of tokens of a rate key and are not claimed yet, and the first of those
-- that wait for some.
--
-- Weights are cut where no sum of them overflows: an error here would stop every pick.
-- p_ready is 'ready', not spelled out, as in gendurable._offer_slots.
-- Locks: none. Writes: nothing. Plan: instances_rated; leases_pkey; it is inlined.
create function gendurable._token_line(p_key text, p_ready gendurable.phase,
                                       p_offers int, p_waiting int, p_now timestamptz)
returns table (id bigint, priority int, eligible_at timestamptz, queue text, concurrency_key text,
               weight float8, waits boolean)
language sql stable
begin atomic
    (select r.id, r.priority, r.eligible_at, r.queue, r.concurrency_key,
            least(coalesce(r.weight, 1), 1e100), false
     from gendurable.instances as r
     where r.rate_limit = p_key and r.phase in ('ready', 'throttled') and r.phase = p_ready
       -- An offer in a queue that no worker picks from must not keep the tokens from the others.
       and not exists (select from gendurable.queues as q
                       where q.name = r.queue and q.paused)
       and exists (select from gendurable.workers as w
                   cross join lateral gendurable._lease(w.id) as l
                   where r.queue = any (w.queues) and l.lease_until >= p_now)
     order by r.priority, r.eligible_at, r.id
     limit p_offers)
    union all
    (select i.id, i.priority, i.eligible_at, i.queue, i.concurrency_key,
            least(coalesce(i.weight, 1), 1e100), true
     from gendurable.instances as i
     where i.rate_limit = p_key and i.phase = 'throttled'
     order by i.priority, i.eligible_at, i.id
     limit p_waiting);
end;
comment on function gendurable._token_line(text, gendurable.phase, int, int, timestamptz)
    is 'What has an offer of tokens of a rate key, and the first that wait for some.';
