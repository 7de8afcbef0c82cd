-- When a pick of this queue may next find something that it does not find now: the earliest moment
-- at which an instance becomes eligible, a park reaches its deadline, the tokens are due for which
-- an instance waits, or a schedule is due; soon, where a pick of the same transaction met a lock
-- (gendurable._look_again). Null: only an enqueue or a signal can bring work.
--
-- Locks: none. Writes: nothing.
-- Plan:  as gendurable._stretches; instances_due and instances_due_lately, one descent for each;
--        instances_waiting, one descent;
--        only if some of this queue wait for tokens, buckets_due up to the first key that waits in
--        this queue, instances_rated;
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
    v_parts  gendurable.stretch[];
    v_waits  timestamptz;
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
    if exists (select from gendurable.buckets as b
               where b.due_at > now() and b.due_at < 'infinity') then
        select b.due_at into v_tokens
        from gendurable.buckets as b
        cross join lateral (
            select from gendurable.instances as i
            where i.rate_limit = b.key and i.phase = 'throttled' and i.queue = gd_next_due.queue
            limit 1
        ) as waits
        where b.due_at > now() and b.due_at < 'infinity'
          -- In most queues no instance waits for tokens: they need not look through those of
          -- other queues.
          and exists (select from gendurable.instances as i
                      where (i.phase not in ('ready', 'executing')) is true
                        and i.phase = 'throttled' and i.queue = gd_next_due.queue)
        order by b.due_at
        limit 1;
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
