-- What a worker says of its steps: {"progress": [{"id", "fence", "progress"}], "steps": [{"queue",
-- "fsm", "step", "kind", "count", "seconds", "slowest"}]}. Progress of claims that it does not hold
-- (any more) is dropped. Steps count for the minute in which they are reported.
--
-- report x commit: it locks nothing, so no commit meets it. It may see a claim of which the end is
-- in flight: what it adds is then shown by no view, and deleted by maintenance.
-- Locks:  none. Writes: reports, throughput. Plan: instances_pkey.
-- Errors: GD003 a report that is no object, has an unknown field or a bad value.
create function public.gd_report(worker bigint, report jsonb) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
    v_now     timestamptz := clock_timestamp();
    v_problem text;
begin
    if gendurable._is_open('public.gd_report(bigint,jsonb)') then
        perform gendurable._refuse_open();
    end if;
    v_problem := gendurable._report_problem(gd_report.report);
    if v_problem is not null then
        perform gendurable._refuse('GD003', v_problem, 'Correct it; nothing of it was stored.');
    end if;

    if jsonb_typeof(gd_report.report -> 'progress') = 'array' then
        insert into gendurable.reports (instance_id, at, fence, progress)
        select i.id, v_now, i.fence, coalesce(p.progress, 'null')
        from (select distinct on (1, 2) (e.value ->> 'id')::bigint as id,
                     (e.value ->> 'fence')::bigint as fence, e.value -> 'progress' as progress
              from jsonb_array_elements(gd_report.report -> 'progress') with ordinality
                       as e (value, ord)
              order by 1, 2, e.ord desc) as p
        join gendurable.instances as i on i.id = p.id
        where i.fence = p.fence and coalesce(i.worker_id = gd_report.worker, false)
        on conflict do nothing;
    end if;
    if jsonb_typeof(gd_report.report -> 'steps') = 'array' then
        insert into gendurable.throughput
            (minute, queue, fsm, step, kind, count, seconds, slowest)
        select date_trunc('minute', v_now), s.queue, s.fsm, s.step, s.kind, s.count, s.seconds,
               s.slowest
        from jsonb_to_recordset(gd_report.report -> 'steps') as s (
            queue text, fsm text, step text, kind text, count bigint, seconds float8,
            slowest float8);
    end if;
end
$$;
comment on function public.gd_report(bigint, jsonb)
    is 'Takes what a worker says of its steps: their progress, how many there were.';
