-- Commits `schedule_children`: creates the children and parks the parent until all of them are
-- terminal, in one transaction. A parent without children (none given, or all of them duplicates)
-- goes on at once. Duplicates are no children: they are noted, for the join to list them.
--
-- A bad child makes its parent's outcome invalid. A child's correlation key that an open
-- transaction is taking makes it busy after 50 ms.
-- Locks:  the caller holds the parents; correlation_keys in key order, waiting 50 ms at most.
-- Writes: signals, instances, countdowns, correlation_keys, doorbells, history.
-- Plan:   instances_pkey, instances_parent.
-- Errors: none that leaves it; a bad child is an answer.
create function gendurable._apply_children(p_outcomes gendurable.outcome[])
returns gendurable.answer[]
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
    v_timeout  text := current_setting('lock_timeout');
    v_patience text := '50ms';
    v_answers  gendurable.answer[] := array[]::gendurable.answer[];
    v_parent   record;
    v_entries  gendurable.entry[];
    v_problem  text;
    v_pending  int;
    v_duplicates jsonb;
    v_since    timestamptz := gendurable._enter_ready();
    v_noted    boolean := exists (select from gendurable.history_levels as l
                                  where l.level = 'steps');
begin
    -- One parent after the other, each with its own block: what one batch of children runs into
    -- must not undo another one's.
    for v_parent in
        select o.*, o as outcome, i.queue, i.round + 1 as next_round, i.signalled, i.worker_id,
               i.watched
        from unnest(p_outcomes) as o
        join gendurable.instances as i on i.id = o.id
        where o.kind = 'schedule_children'
        order by o.id
    loop
        begin
            v_entries := gendurable._parse_entries(coalesce(v_parent.children, '[]'),
                                                   v_parent.queue, v_parent.id,
                                                   v_parent.next_round);
            v_pending := 0;
            v_duplicates := null;
            if v_entries is not null then
                perform set_config('lock_timeout', v_patience, true);
                select (count(*) filter (where not e.duplicate))::int,
                       jsonb_agg(jsonb_build_object(
                           'round', v_parent.next_round, 'ord', e.ord, 'id', e.id,
                           'fsm', v_parent.children -> (e.ord - 1) ->> 'fsm') order by e.ord)
                           filter (where e.duplicate)
                into v_pending, v_duplicates
                from gendurable._enqueue(v_entries) as e;
                perform set_config('lock_timeout', v_timeout, true);
            end if;
        exception
            when sqlstate 'GD003' then
                get stacked diagnostics v_problem = pg_exception_detail;
                v_answers := v_answers || row(v_parent.ord, v_parent.id, v_parent.fence, 'invalid',
                                              'children, ' || v_problem, null)::gendurable.answer;
                continue;
            when lock_not_available then
                v_patience := '1ms';    -- one wait a call is enough
                v_answers := v_answers || row(v_parent.ord, v_parent.id, v_parent.fence, 'busy',
                                              null, null)::gendurable.answer;
                continue;
        end;

        if v_parent.signalled then
            perform gendurable._consume(array[v_parent.outcome], 'schedule_children');
        end if;
        if v_noted then
            perform gendurable._note_outcomes(array[v_parent.outcome], v_parent.worker_id,
                                              'schedule_children');
        end if;
        update gendurable.instances as i
        set fence = i.fence + 1, updated_at = clock_timestamp(),
            step = coalesce(v_parent.step, i.step), state = coalesce(v_parent.state, i.state),
            attempt = 0, awaits = null, last_error = null, rate_limit = null, weight = null,
            round = v_parent.next_round, duplicates = v_duplicates, joined = v_pending = 0,
            phase = case when v_pending > 0 then 'awaiting_children'
                         else gendurable._runnable(i.concurrency_key, null, false) end,
            eligible_at = v_since, worker_id = null, claimed_at = null
        where i.id = v_parent.id;
        if v_pending > 0 then
            insert into gendurable.countdowns (parent_id, round, pending)
            values (v_parent.id, v_parent.next_round, v_pending);
        else
            -- gd_commit rings for its slot, and sees to its correlation key.
            perform gendurable._announce(array[v_parent.queue]);
        end if;
        if v_pending > 0 and v_parent.watched then
            perform gendurable._tell_watchers(array[v_parent.id], '{awaiting_children}');
        end if;
    end loop;
    return v_answers;
end
$$;
comment on function gendurable._apply_children(gendurable.outcome[])
    is 'Commits outcomes of kind schedule_children; answers those that could not be applied.';
