-- Of an instance that is runnable: all that keeps it from starting, or that it is its turn; no row
-- for any other.
--
-- Locks: none. Writes: nothing.
-- Plan:  as the view gd_workers; queues_pkey; machines_pkey; as gendurable._why_limited and
--        gendurable._why_locked; instances_claims, from end to end; as gendurable._ready_before,
--        10,000 entries.
create function gendurable._why_runnable(p_instance gendurable.instances)
returns table (reason text, detail text, remedy text, since timestamptz)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_queue   gendurable.queues;
    v_name    text := p_instance.queue;
    v_workers text[];
    v_able    boolean;
    v_busy    bigint;
    v_before  bigint;
begin
    if gendurable._status(p_instance.phase) <> 'runnable' then
        return;
    end if;
    select q.* into v_queue from gendurable.queues as q where q.name = v_name;
    select array_agg(distinct w.name order by w.name),
           bool_or(not x.declares
                   or exists (select from gendurable.machines as m
                              where m.worker_id = w.id and m.fsm = p_instance.fsm
                                and m.version = p_instance.fsm_version
                                and (m.steps is null or p_instance.step = any (m.steps))))
    into v_workers, v_able
    from public.gd_workers as w
    join gendurable.workers as x on x.id = w.id
    where v_name = any (w.queues) and w.alive;
    v_busy := (select count(*) from gendurable.instances as i
               where i.worker_id is not null and i.phase = 'executing' and i.queue = v_name);

    if p_instance.eligible_at > now() and p_instance.phase in ('ready', 'scheduled', 'held') then
        return query select
            'scheduled',
            format('It is not due before %s%s.',
                   coalesce(gendurable._clock(nullif(p_instance.eligible_at, 'infinity')),
                            'the end of time'),
                   case when p_instance.attempt > 0
                        then format('; attempt %s of step %s has failed: %s',
                                    p_instance.attempt, p_instance.step,
                                    gendurable._error_line(p_instance.last_error)) end),
            'Wait until then.', p_instance.updated_at;
    end if;
    if v_queue.paused then
        return query select 'queue_paused', format('Queue %s is paused.', v_name),
                            format('gd_resume(%L) ends the pause.', v_name), null::timestamptz;
    end if;
    if v_workers is null then
        return query select 'no_worker', format('No live worker serves queue %s.', v_name),
                            'Start a worker for that queue.', null::timestamptz;
    elsif not v_able then
        return query select
            'no_machine',
            format('The workers of queue %s (%s) live, but none of them declares %s version %s, '
                   'step %s.', v_name, gendurable._list(v_workers[:5]),
                   p_instance.fsm, p_instance.fsm_version, p_instance.step),
            'Start a worker that has that code.', null::timestamptz;
    end if;
    if v_busy >= v_queue.max_executing then
        return query select
            'queue_limit',
            format('Queue %s executes %s of at most %s.', v_name, v_busy, v_queue.max_executing),
            format('%s it: gd_set_queue_limit(%L, ...).',
                   case v_queue.max_executing when 0 then 'Raise' else 'Wait, or raise' end,
                   v_name),
            null::timestamptz;
    end if;
    return query select y.* from gendurable._why_limited(p_instance) as y;
    return query select y.* from gendurable._why_locked(p_instance.id) as y;

    if not exists (select from gendurable.queues as q where q.name = v_name and q.paused)
       and coalesce(v_busy < v_queue.max_executing, true)
       and v_able and p_instance.phase = 'ready' and p_instance.eligible_at <= now() then
        v_before := gendurable._ready_before(p_instance, 10000);
        return query select
            'ready',
            format('It is ready and waits for its turn: %s%s more urgent or older in queue %s, '
                   'whose workers (%s) execute %s.',
                   case when v_before = 10000 then 'at least ' end, v_before, v_name,
                   gendurable._list(v_workers[:5]), v_busy),
            'Wait, or start more workers.', p_instance.eligible_at;
    end if;
end
$$;
comment on function gendurable._why_runnable(gendurable.instances)
    is 'What keeps a runnable instance from starting.';
