-- When a pick of this queue may next find something that it does not find now: the earliest moment
-- at which an instance becomes eligible, a park reaches its deadline, the tokens are due for which
-- an instance waits, or a schedule is due; soon, where a pick of the same transaction met a lock
-- (gendurable._look_again). Null: only an enqueue or a signal can bring work.
--
-- Locks: none. Writes: nothing.
-- Plan:  as gendurable._stretches; instances_due and instances_due_lately, one descent for each;
--        buckets_due, the first five from now on, and as gendurable._of_keys for these; only where
--        none of them is for this queue, and there are more, instances_waiting, one descent, and if
--        some of this queue wait for tokens the rest of buckets_due up to the first key that waits
--        in this queue, instances_rated;
--        as gendurable._next_firing.
create function public.gd_next_due(queue text) returns timestamptz
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
    c_most   constant int := 5;
    v_parts  gendurable.stretch[];
    v_waits  timestamptz;
    v_keys   text[];    -- whose tokens are due first
    v_dues   timestamptz[];
    v_tokens timestamptz;
    v_again  timestamptz;
begin
    if gendurable._is_open('public.gd_next_due(text)') then
        perform gendurable._refuse_open();
    end if;
    v_parts := gendurable._stretches(gd_next_due.queue);
    if v_parts <> '{}' then
        select min(d.eligible_at) into v_waits
        from unnest(v_parts) as s
        cross join lateral (
            (select i.eligible_at from gendurable.instances as i
             where s.run is null
               and i.phase in ('scheduled', 'awaiting_signal') and i.eligible_at < 'infinity'
               and i.queue = gd_next_due.queue
               and i.eligible_at >= s.from_at and i.eligible_at < s.until_at
               and i.eligible_at > now()
             order by i.queue, i.eligible_at
             limit 1)
            union all
            (select i.eligible_at from gendurable.instances as i
             where s.run is not null
               and i.phase in ('scheduled', 'awaiting_signal') and i.eligible_at < 'infinity'
               and i.queue = gd_next_due.queue and (i.lane & 1099511627775) = s.run
               and i.eligible_at > now()
             order by i.queue, i.lane & 1099511627775, i.eligible_at
             limit 1)
        ) as d;
    end if;
    select array_agg(b.key order by b.due_at), array_agg(b.due_at order by b.due_at)
    into v_keys, v_dues
    from (select x.key, x.due_at from gendurable.buckets as x
          where x.due_at > now() and x.due_at < 'infinity'
          order by x.due_at
          limit c_most) as b;
    if v_keys is not null then
        select min(b.due_at) into v_tokens
        from gendurable._of_keys('tokens', v_keys, 'throttled', 1) as f
        join gendurable.kinds as k on k.id = f.kind and k.queue = gd_next_due.queue
        join unnest(v_keys, v_dues) as b (key, due_at) on b.key = f.key;
        if v_tokens is null and cardinality(v_keys) = c_most then
            select b.due_at into v_tokens
            from gendurable.buckets as b
            cross join lateral (
                select from gendurable.instances as i
                where i.rate_limit = b.key and i.phase = 'throttled'
                  and i.queue = gd_next_due.queue
                limit 1
            ) as waits
            where b.due_at > v_dues[c_most] and b.due_at < 'infinity'
              -- In most queues no instance waits for tokens: they need not look through those of
              -- other queues.
              and exists (select from gendurable.instances as i
                          where (i.phase not in ('ready', 'executing')) is true
                            and i.phase = 'throttled' and i.queue = gd_next_due.queue)
            order by b.due_at
            limit 1;
        end if;
    end if;
    if current_setting('gendurable.look_again', true) = 'on' then
        v_again := clock_timestamp() + interval '50 ms';
    end if;
    -- What is due and could not be fired is not due at once again. (greatest ignores nulls.)
    return least(v_waits, v_tokens, v_again,
                 greatest(v_again, gendurable._next_firing(gd_next_due.queue)));
end
$$;
comment on function public.gd_next_due(text)
    is 'The next moment at which waiting work of the queue becomes due; null if none.';
