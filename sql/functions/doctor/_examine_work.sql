-- Whether what is to be done can be done: workers, their versions, what is stuck, schedules.
--
-- Locks: none. Writes: nothing.
-- Plan:  as the view gd_workers; as gendurable._stuck, 100 of each place; schedules, read whole;
--        machines_pkey.
create function gendurable._examine_work()
returns table (topic text, status text, detail text, remedy text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_alive bigint;
    v_lost  text[];
    v_other text[];
begin
    select count(*) filter (where w.alive),
           array_agg(w.name order by w.id) filter (where not w.alive),
           array_agg(distinct format('%s (%s)', w.name, w.info ->> 'gendurable'))
               filter (where w.alive and w.info ->> 'gendurable' <> public.gd_version())
    into v_alive, v_lost, v_other
    from public.gd_workers as w;
    return query select
        'workers', case when v_alive = 0 or v_lost <> '{}' then 'warning' else 'ok' end,
        format('%s alive%s.', v_alive, '; their lease is over: ' || gendurable._list(v_lost)),
        case when v_alive = 0 then 'Start one: gendurable-py run.'
             when v_lost <> '{}' then 'Maintenance gives their work to others.' end;
    if v_other is not null then
        return query select
            'versions', 'warning',
            format('The schema is %s; workers of another version: %s.', public.gd_version(),
                   gendurable._list(v_other)),
            'Deploy one version.';
    end if;
    return query
    select case s.reason when 'no_machine' then 'unknown machine' else 'stuck' end,
           case when s.reason in ('queue_paused', 'queue_limit', 'concurrency_key')
                then 'warning' else 'problem' end,
           format('%s: %s, %s; the first is %s.',
                  case when s.n = 1 then '1 instance'
                       when s.n >= 100 then s.n || ' or more instances'
                       else s.n || ' instances' end,
                  s.reason, s.detail, s.first),
           format('gd_why(%s), or gendurable-py show %1$s, says what to do.', s.first)
    from (select s.reason, s.detail, count(*) as n, min(s.id) as first
          from gendurable._stuck(100) as s
          group by s.reason, s.detail
          order by count(*) desc, s.reason, s.detail
          limit 20) as s;
    return query
    select 'schedule', 'warning',
           case when s.declared_version is null
                then format('%s creates %s, which no live worker declares.', s.name, s.fsm)
                else format('%s was declared by a worker; no live one declares it or %s.',
                            s.name, s.fsm) end,
           format('Start a worker that has that code, or gendurable-py schedule drop %s.', s.name)
    from gendurable.schedules as s
    where not s.paused
      and not exists (
          select from public.gd_workers as w
          join gendurable.workers as x on x.id = w.id
          where w.alive
            and (not x.declares
                 or exists (select from gendurable.machines as m
                            where m.worker_id = w.id and m.fsm = s.fsm)))
    order by s.name
    limit 20;
end
$$;
comment on function gendurable._examine_work() is 'Whether what is to be done can be done.';
