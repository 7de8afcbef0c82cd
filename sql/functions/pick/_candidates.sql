-- The most urgent of a queue for a pick: ready ones, which it locks, and those that tokens are
-- there for (p_offered, locked by gendurable._offer_tokens). Takes the locks of the names of their
-- keys.
--
-- p_most: how many. Those of p_seen, and those of names whose locks another transaction is known to
--         hold, are passed over.
-- Locks:  the instances, and the names of their keys; never waits, what another transaction
--         holds is skipped.
-- Writes: nothing.
-- Plan:   instances_ready, in its order, so that the cost is that of p_most;
--         instances_pkey for p_offered.
create function gendurable._candidates(p_queue text, p_most int,
                                       p_offered bigint[], p_seen bigint[],
                                       p_not_keys text[], p_not_rates text[])
returns gendurable.candidates
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_sort = off
set jit = off
as $$
declare
    v_candidates gendurable.candidates;
begin
    select array_agg(c.id), array_agg(c.id) filter (where not c.busy_key and not c.busy_rate),
           bool_or(c.keyed), bool_or(c.rated),
           bool_or(c.listed) or sum(c.bytes) > gendurable._most_bytes(),
           array_agg(c.id) filter (where c.scoped), array_agg(c.id) filter (where c.awaited),
           array_agg(distinct c.name) filter (where c.busy_key),
           array_agg(distinct c.rate) filter (where c.busy_rate)
    into v_candidates
    from (select r.*, r.keyed and not gendurable._lock_name('slot', r.name) as busy_key,
                 r.rated and not gendurable._lock_name('tokens', r.rate) as busy_rate
          from (select x.id, x.concurrency_key is not null as keyed,
                       x.rate_limit is not null as rated,
                       x.correlation_scope is not null as scoped,
                       x.signalled and x.awaits is not null as awaited,
                       x.signalled or x.joined as listed, x.bytes,
                       gendurable._policy(x.concurrency_key) as name,
                       gendurable._policy(x.rate_limit) as rate
                from (select ready.*
                      from (select i.id, i.priority, i.eligible_at, i.concurrency_key, i.rate_limit,
                                   i.correlation_scope, i.signalled, i.awaits, i.joined,
                                   gendurable._size_bound(i.state)
                                   + gendurable._size_bound(i.last_error) as bytes
                            from gendurable.instances as i
                            where i.queue = p_queue and i.phase = 'ready' and i.id <> all (p_seen)
                              and (i.concurrency_key is null
                                   or gendurable._policy(i.concurrency_key) <> all (p_not_keys))
                              and (i.rate_limit is null
                                   or gendurable._policy(i.rate_limit) <> all (p_not_rates))
                            order by i.queue, i.priority, i.eligible_at, i.id
                            limit p_most
                            for no key update skip locked) as ready
                      union all
                      select i.id, i.priority, i.eligible_at, i.concurrency_key, i.rate_limit,
                             i.correlation_scope, i.signalled, i.awaits, i.joined,
                             gendurable._size_bound(i.state)
                             + gendurable._size_bound(i.last_error)
                      from gendurable.instances as i
                      where i.id = any (p_offered)) as x
                order by x.priority, x.eligible_at, x.id
                limit p_most) as r) as c;
    return v_candidates;
end
$$;
comment on function gendurable._candidates(text, int, bigint[], bigint[], text[], text[])
    is 'The most urgent instances of a queue, locked, for a pick.';
