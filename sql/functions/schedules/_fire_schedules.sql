-- Fires what is due of the schedules of a queue; answers how many instances it has created.
--
-- Two picks: the row of occurrences is the baton. The one that has locked it fires and replaces it;
-- the other one skips it, and finds its successor later. What cannot be fired (a row that was
-- changed by hand, a time zone that the server has lost) is put off for a minute: no pick fails.
-- A hundred schedules at most in one call; what is left is for the next one.
-- Locks:  the due rows of occurrences, never waiting; then as gendurable._fire.
-- Writes: occurrences; as gendurable._fire.
-- Plan:   as gendurable._due_bound, _schedule_due and _unseen_occurrences; occurrences_pkey.
-- Errors: none; a warning GD103.
create function gendurable._fire_schedules(p_queue text) returns int
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
    v_bound  gendurable.bound := gendurable._due_bound(p_queue);
    v_due    bigint[] := array[]::bigint[];
    v_renew  boolean := false;
    v_row    gendurable.occurrences;
    v_fired  gendurable.occurrences;
    v_rows   gendurable.occurrences[] := array[]::gendurable.occurrences[];
    v_gone   bigint[] := array[]::bigint[];
    v_count  int := 0;
    v_reason text;
begin
    if v_bound.id is null then
        return 0;
    end if;
    if v_bound.none_before <= now() then
        v_due := array(
            select o.id from gendurable.occurrences as o
            where o.queue = p_queue and o.due_at >= v_bound.none_before and o.due_at <= now()
            order by o.queue, o.due_at
            limit 100);
        v_renew := true;
    end if;
    if v_bound.unseen_from is not null then
        -- What the writer of the bound could not see is looked at each time until there is much.
        select v_due || array_agg(u.id) filter (where u.due_at <= now()),
               v_renew or count(*) > 10
        into v_due, v_renew
        from gendurable._unseen_occurrences(p_queue, v_bound) as u;
    end if;

    if v_due <> '{}' then
        for v_row in
            select o.* from gendurable.occurrences as o
            where o.id = any (v_due)
            order by o.due_at, o.id
            limit 100
            for update skip locked
        loop
            begin
                v_fired := gendurable._fire(v_row);
            exception when data_exception or program_limit_exceeded
                           or integrity_constraint_violation
                           or sqlstate 'GD001' or sqlstate 'GD002' then
                get stacked diagnostics v_reason = pg_exception_detail;
                raise warning using errcode = 'GD103',
                    message = 'gendurable: a schedule that cannot be fired',
                    detail = format('schedule %s: %s', v_row.schedule,
                                    coalesce(nullif(v_reason, ''), sqlerrm)),
                    hint = 'Set it anew with gd_schedule, or drop it with gd_unschedule.';
                v_fired := v_row;
                v_fired.due_at := now() + interval '1 minute';
            end;
            v_count := v_count + (v_fired.fired - v_row.fired)::int;
            v_rows := v_rows || v_fired;
            v_gone := v_gone || v_row.id;
            exit when v_count >= 1000;
        end loop;
        if exists (select from gendurable.occurrences as o
                   where o.id = any (v_due) and o.id <> all (v_gone)) then
            -- Another pick has them, which may be undone; or they are too many.
            perform gendurable._look_again();
        end if;
    end if;
    -- None was due: the row that has the bound says it anew. Otherwise those that were fired do,
    -- and a row that stood for it alone may go.
    if v_due = '{}' and v_renew or v_rows <> '{}' then
        select o.* into v_row from gendurable.occurrences as o
        where o.id = v_bound.id and o.id <> all (v_gone)
          and (v_rows = '{}' or o.schedule is null)
        for update skip locked;
        if found then
            v_gone := v_gone || v_row.id;
            v_rows := case when v_rows = '{}' then array[v_row] else v_rows end;
        end if;
    end if;
    if v_rows <> '{}' then
        perform gendurable._turn_over(p_queue, v_bound, v_rows, v_gone);
    end if;
    return v_count;
end
$$;
comment on function gendurable._fire_schedules(text)
    is 'Fires what is due of the schedules of a queue; answers how many instances it has created.';
