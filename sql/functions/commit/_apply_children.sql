-- Commits `schedule_children`: creates the children and parks the parents until all of theirs are
-- terminal, or the first of them is failed or done: in one transaction. A parent without children
-- (none given, or all of them duplicates) goes on at once. Duplicates are no children: they are
-- noted, for the join to list them.
--
-- A bad child makes its parent's outcome invalid, and a child's correlation key that an open
-- transaction is taking makes it busy, after p_patience. To find out whose it is, the two halves of
-- the batch are tried one after the other, each of them whole if nothing is wrong with it.
-- Locks:  the caller holds the parents; correlation_keys in key order, waiting 50 ms at most.
-- Writes: signals, instances, countdowns, correlation_keys, doorbells, history.
-- Plan:   instances_pkey; as gendurable._create_children.
-- Errors: none that leaves it; a bad child is an answer.
create function gendurable._apply_children(p_outcomes gendurable.outcome[],
                                           p_patience text default '50ms')
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
    v_outcomes gendurable.outcome[] := array(
        select o from unnest(p_outcomes) as o where o.kind = 'schedule_children' order by o.id);
    v_half     int := cardinality(v_outcomes) / 2;
    v_made     record;
    v_result   text;
    v_problem  text;
    v_answers  gendurable.answer[];
    v_in       gendurable.entrance;
    v_queues   text[];
    v_kinds    int[];
    v_watched  bigint[];
begin
    begin
        perform set_config('lock_timeout', p_patience, true);
        select c.pending, c.duplicates into v_made
        from gendurable._create_children(v_outcomes) as c;
        perform set_config('lock_timeout', v_timeout, true);
    exception
        when sqlstate 'GD003' then
            v_result := 'invalid';
            get stacked diagnostics v_problem = pg_exception_detail;
        when lock_not_available then
            v_result := 'busy';
    end;
    if v_result is not null and v_half = 0 then
        return array[row(v_outcomes[1].ord, v_outcomes[1].id, v_outcomes[1].fence, v_result,
                         'children, ' || v_problem, null)::gendurable.answer];
    elsif v_result is not null then
        -- One wait a call is enough.
        if v_result = 'busy' then
            p_patience := '1ms';
        end if;
        v_answers := gendurable._apply_children(v_outcomes[:v_half], p_patience);
        if exists (select from unnest(v_answers) as a where a.result = 'busy') then
            p_patience := '1ms';
        end if;
        return v_answers || gendurable._apply_children(v_outcomes[v_half + 1:], p_patience);
    end if;

    if exists (select from unnest(v_outcomes) as o join gendurable.instances as i on i.id = o.id
               where i.signalled) then
        perform gendurable._consume(v_outcomes, 'schedule_children');
    end if;
    if exists (select from gendurable.history_levels as l where l.level = 'steps') then
        perform gendurable._note_outcomes(
            v_outcomes,
            (select i.worker_id from gendurable.instances as i where i.id = v_outcomes[1].id),
            '{schedule_children}');
    end if;
    v_in := gendurable._enter_ready();
    with scheduled as (
        update gendurable.instances as i
        set fence = i.fence + 1, updated_at = clock_timestamp(),
            step = coalesce(o.step, i.step), state = coalesce(o.state, i.state),
            fsm_version = coalesce(o.fsm_version, i.fsm_version),
            attempt = 0, awaits = null, last_error = null, rate_limit = null, weight = null,
            round = i.round + 1, duplicates = o.duplicates, joined = o.pending = 0,
            phase = case when o.pending > 0 then 'awaiting_children'
                         else gendurable._runnable(i.concurrency_key, null, false) end,
            entered = gendurable._entered(i.concurrency_key, null, v_in.run),
            lane = gendurable._step_lane(
                i.queue, i.fsm, coalesce(o.fsm_version, i.fsm_version),
                coalesce(o.step, i.step), i.priority, v_in.since, i.id, v_in),
            eligible_at = v_in.since, worker_id = null, claimed_at = null
        from (select x.id, x.step, x.state, x.fsm_version, x.join_kind,
                     v_made.pending[x.at] as pending,
                     v_made.duplicates[x.at] as duplicates
              from (select u.id, u.step, u.state, u.fsm_version, u.join_kind,
                           row_number() over (order by u.id)::int as at
                    from unnest(v_outcomes) as u) as x) as o
        where i.id = o.id
        returning i.id, i.round, i.queue, i.lane, i.watched, o.pending, o.join_kind
    ), barriers as (
        insert into gendurable.countdowns (parent_id, round, pending, kind)
        select s.id, s.round, s.pending, coalesce(s.join_kind, 'all')::gendurable.join_kind
        from scheduled as s where s.pending > 0
    )
    select array_agg(distinct s.queue) filter (where s.pending = 0),
           array_agg(distinct (s.lane >> 40)::int) filter (where s.pending = 0),
           array_agg(s.id) filter (where s.watched and s.pending > 0)
    into v_queues, v_kinds, v_watched
    from scheduled as s;
    if v_queues is not null then
        -- gd_commit rings for their slots, and sees to their correlation keys.
        perform gendurable._announce(v_queues, p_kinds => v_kinds);
    end if;
    if v_watched is not null then
        perform gendurable._tell_watchers(v_watched, array_fill('awaiting_children'::text,
                                                                array[cardinality(v_watched)]));
    end if;
    return array[]::gendurable.answer[];
end
$$;
comment on function gendurable._apply_children(gendurable.outcome[], text)
    is 'Commits outcomes of kind schedule_children; answers those that could not be applied.';
