-- Commits `done` and `stop`: moves instances to the archive in the same transaction, with
-- everything that ends with them.
--
-- Locks:  the caller holds the instances, and with them their inboxes and keys, and those parents'
--         rows that count them.
-- Writes: instances, finished, signals, dedup_keys, correlation_keys; the parents' countdowns, and
--         those parents that it wakes; doorbells.
-- Plan:   instances_pkey, signals_pkey, dedup_keys_pkey, correlation_keys_pkey.
create function gendurable._finish(p_outcomes gendurable.outcome[]) returns void
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
    v_now       timestamptz := clock_timestamp();
    v_signalled bigint[];
    v_inboxes   bigint[];
    v_keyed     bigint[];
    v_keys      text[];
    v_reserved  bigint[];
    v_kept      text[];
    v_parents   bigint[];
    v_watched   bigint[];
    v_statuses  text[];
    v_rounds    int[];
    v_failed    boolean[];
    v_waiting   bigint[];
    v_waited    int[];
begin
    with ended as (
        delete from gendurable.instances as i
        using unnest(p_outcomes) as o
        where o.kind in ('done', 'stop') and i.id = o.id and i.fence = o.fence
        returning i.*, o.kind, o.result, o.error, o.state as last_state
    ), archived as (
        insert into gendurable.finished
            (id, enqueued_at, finished_at, fence, parent_id, weight, attempt,
             parent_round, joined_round, ord, priority,
             fsm_version, failed, fsm, step, queue, state, result, error,
             rate_limit, concurrency_key, correlation_key, correlation_scope, duplicates)
        select e.id, e.enqueued_at, v_now, e.fence + 1, e.parent_id, e.weight, e.attempt,
               e.parent_round, case when e.joined then e.round end, e.ord, e.priority,
               e.fsm_version, e.kind = 'stop', e.fsm, e.step, e.queue,
               coalesce(e.last_state, e.state),
               case when e.kind = 'done' then e.result end,
               case when e.kind = 'stop' then coalesce(e.error, '{}') end,
               e.rate_limit, e.concurrency_key, e.correlation_key, e.correlation_scope,
               e.duplicates
        from ended as e
    )
    select array_agg(e.id) filter (where e.signalled),
           array_agg(gendurable._inbox_key(e.id, e.inbox)) filter (where e.signalled),
           array_agg(e.id) filter (where k.leaves),
           array_agg(e.correlation_key) filter (where k.leaves),
           array_agg(e.id) filter (where k.stays),
           array_agg(e.correlation_key) filter (where k.stays),
           array_agg(e.parent_id) filter (where e.parent_id is not null and not e.counted),
           array_agg(e.parent_round) filter (where e.parent_id is not null and not e.counted),
           array_agg(e.kind = 'stop') filter (where e.parent_id is not null and not e.counted),
           array_agg(e.id) filter (where e.phase = 'awaiting_children'),
           array_agg(e.round) filter (where e.phase = 'awaiting_children'),
           array_agg(e.id) filter (where e.watched),
           array_agg(case e.kind when 'done' then 'done' else 'failed' end)
               filter (where e.watched)
    into v_signalled, v_inboxes, v_keyed, v_keys, v_reserved, v_kept, v_parents, v_rounds,
         v_failed, v_waiting, v_waited, v_watched, v_statuses
    from ended as e
    cross join lateral (
        select x.stays, e.correlation_key is not null and not x.stays as leaves
        from (select gendurable._occupies(
                         e.correlation_key, e.correlation_scope,
                         case e.kind when 'done' then 'done' else 'failed' end) as stays) as x
    ) as k;

    if v_signalled is not null then
        delete from gendurable.signals as s where s.inbox = any (v_inboxes);
        delete from gendurable.dedup_keys as d where d.instance_id = any (v_signalled);
    end if;
    if v_keyed is not null then
        delete from gendurable.correlation_keys as k
        where k.key = any (v_keys) and k.instance_id = any (v_keyed);
    end if;
    if v_reserved is not null then
        perform gendurable._try_take_keys(v_kept, v_reserved, '50ms');
    end if;
    if v_parents is not null then
        perform gendurable._count_down(v_parents, v_rounds, v_failed);
    end if;
    if v_waiting is not null then
        perform gendurable._drop_barriers(v_waiting, v_waited);
    end if;
    if v_watched is not null then
        perform gendurable._tell_watchers(v_watched, v_statuses);
    end if;
end
$$;
comment on function gendurable._finish(gendurable.outcome[])
    is 'Moves finished instances to the archive.';
