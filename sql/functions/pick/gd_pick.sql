-- Claims up to `slots` instances of a queue, the most urgent first: (priority, eligible_at, id).
-- They are ready, or wait for tokens that are there: these it claims without an offer first
-- (gendurable._offer_tokens), and those of them for which it has no slot keep the offer.
--
-- It hands out some 64 MB in all, but always one instance; what does not fit stays ready, in its
-- place. An instance that cannot be handed out at all fails (gendurable._weigh says which), so
-- that no row can make a pick fail.
--
-- The fence of a claim is the time in microseconds, or one more than it was, if that is greater:
-- a claim need not be durable (docs/concurrency.md), and the next one after a crash of the server
-- that forgot it must not have its fence.
--
-- Where a limit decided, a schedule fired or an instance failed, it is durable whatever the driver
-- said for claims alone: a limit that a crash forgot would let more execute than it allows.
--
-- Locks:  the worker's row (gendurable._check_in); the queue shared, and its places if it has a
--         limit; then the instances, and the names of the keys that they need. Never waits: what
--         another transaction holds is skipped.
-- Writes: instances; signals (the awaited ones that it hands out are marked presented); doorbells,
--         buckets; correlation_keys (scopes, schedules); leases; occurrences; trails, waits;
--         holders.
-- Plan:   as gendurable._candidates, so that the cost is that of the slots; as
--         gendurable._wake_due, doorbells_run and buckets_due, a few descents when nothing is due
--         and there is no doorbell; as gendurable._enter_queue; as gendurable._weigh where there
--         are signals, children or large states.
-- Errors: GD010 the worker is gone; GD002 a negative number of slots; GD004 not READ COMMITTED.
create function public.gd_pick(worker bigint, queue text, slots int) returns setof gendurable.job
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
-- The body is long because the statement that claims is the one that returns: a function between
-- them would copy each row once more.
declare
    v_check   record;
    v_entered record;
    v_now     timestamptz;
    v_since   timestamptz;
    v_fence   bigint;
    v_idle    boolean;
    v_kinds   int[];
    c_ready   constant regclass := 'gendurable.instances_ready'::regclass;
    v_read    bigint;        -- entries of that index
    v_far     boolean;       -- they are many
    v_counted boolean := false;        -- the queue has a limit
    v_most    int := gd_pick.slots;    -- how many it may claim
    v_holders bigint[];                -- what executes of a queue with a limit
    v_woken   record;
    v_due     int[];         -- kinds
    v_fired   int := 0;
    v_rung    record;
    v_offered bigint[];
    v_c       gendurable.candidates;
    v_ids     bigint[];
    v_places  tid[];
    v_admitted record;
    v_room    bigint := gendurable._most_bytes();
    v_left    bigint[] := array[]::bigint[];    -- what does not fit into this pick
    v_failed  boolean;
    v_ended   boolean := false;        -- some have failed
    v_limits  boolean;                 -- some of this round have one
    v_limited boolean := false;
    v_rounds  int := 0;
    v_seen    bigint[] := array[]::bigint[];
    v_not_keys  text[] := array[]::text[];    -- names that other transactions hold
    v_not_rates text[] := array[]::text[];
    v_claimed int;
    v_picked  int := 0;
    v_more    boolean := false;        -- more has fallen due than it has moved
    v_gave_up boolean := false;        -- more may be there than it has looked at
begin
    if gendurable._is_open('public.gd_pick(bigint,text,int)') then
        perform gendurable._refuse_open();
    end if;
    v_check := gendurable._check_in(gd_pick.worker, gd_pick.queue, gd_pick.slots);
    v_idle := v_check.idle;
    v_now := v_check.at;
    if v_now is null then
        perform gendurable._look_again();
        return;
    elsif gd_pick.slots = 0 then
        return;
    end if;
    v_fence := (extract(epoch from v_now) * 1000000)::bigint;

    v_entered := gendurable._enter_queue(gd_pick.queue, gd_pick.worker);
    if not v_entered.closed then
        v_woken := gendurable._wake_due(gd_pick.queue);
        v_due := v_woken.kinds;
        v_more := v_woken.more;
        v_counted := v_entered.counted;
        if v_counted then
            select least(gd_pick.slots, coalesce(p.places, 0)), p.executing into v_most, v_holders
            from gendurable._places_left(gd_pick.queue) as p;
        end if;
        v_kinds := v_entered.kinds;
        if v_entered.scheduled then
            v_fired := gendurable._fire_schedules(gd_pick.queue);
            if v_fired > 0 then
                -- They may be the first of their kind.
                v_kinds := array(
                    select k.id from gendurable._kinds(gd_pick.worker, gd_pick.queue) as k (id));
            end if;
        end if;
        v_rung := gendurable._announced(v_now);
        if v_rung.tokens or v_rung.slots then
            v_offered := gendurable._answer_doorbells(
                v_rung.tokens, case when v_most > 0 then v_kinds end, v_most);
        end if;
        -- Usually one round. A round that had to hold instances of saturated keys back looks for
        -- others in their place, beyond what it has seen: also one of a single slot, behind those
        -- that were born ready side by side.
        while v_most > 0 and not v_gave_up loop
            v_read := pg_stat_get_xact_tuples_returned(c_ready);
            v_c := gendurable._candidates(v_kinds, v_most - v_picked, v_offered,
                                          v_seen, v_not_keys, v_not_rates);
            -- Where it had to read much more than it found, for what was cancelled or undone, the
            -- trails are moved, whether or not it claims anything; after it has claimed, because
            -- a move may put rows that it has locked elsewhere.
            v_read := pg_stat_get_xact_tuples_returned(c_ready) - v_read - 3 * v_most;
            v_far := random() < v_read / 5000.0;
            if v_c.found is null then
                if v_far then
                    perform gendurable._move_trails('{}', v_kinds);
                end if;
                exit;
            end if;
            v_ids := v_c.free;
            v_left := '{}';
            v_failed := false;
            v_limits := v_c.keyed or v_c.rated or v_offered is not null;
            if v_c.heavy or v_limits then
                v_admitted := gendurable._admit(gd_pick.worker, v_c, v_offered, v_room,
                                                v_picked = 0);
                v_ids := v_admitted.ids;
                v_since := v_admitted.since;
                v_left := v_admitted.rest;
                v_failed := v_admitted.failed;
                v_offered := null;
                v_limited := v_limited or v_limits;
                v_ended := v_ended or v_failed;
            end if;
            if v_c.keyed or v_c.rated or v_failed then
                v_seen := v_seen || array(select unnest(v_c.found) except select unnest(v_left));
            end if;
            if v_c.busy_keys is null and v_c.busy_rates is null then
                v_rounds := v_rounds + 1;
            else
                v_not_keys := v_not_keys || v_c.busy_keys;
                v_not_rates := v_not_rates || v_c.busy_rates;
            end if;
            if v_c.awaited is not null then
                perform gendurable._mark_presented(v_ids, v_c.awaited);
            end if;
            -- Their rows are locked, so they are where they were.
            v_places := v_c.places;
            if cardinality(v_ids) < cardinality(v_c.found) then
                v_places := array(select f.place from unnest(v_c.found, v_c.places) as f (id, place)
                                  where f.id in (select unnest(v_ids)));
            end if;
            return query
            with claimed as (
                update gendurable.instances as i
                set phase = 'executing', worker_id = gd_pick.worker,
                    fence = greatest(i.fence + 1, v_fence),
                    claimed_at = greatest(v_now, v_since), updated_at = v_now, chain = 0
                where i.ctid = any (v_places)
                returning i.*
            )
            select c.id, c.fence, c.fsm, c.fsm_version, c.step, c.state, c.attempt,
                   c.queue, c.priority, c.correlation_key, c.concurrency_key, c.parent_id,
                   case when c.signalled and c.awaits is not null
                        then gendurable._inbox(gendurable._inbox_key(c.id, c.inbox),
                                               c.awaits, c.parks)
                        else '[]' end,
                   case when c.signalled
                        then gendurable._inbox(gendurable._inbox_key(c.id, c.inbox))
                        else '[]' end,
                   case when c.joined then gendurable._children(c.id, c.round, c.duplicates) end,
                   c.last_error, c.enqueued_at
            from claimed as c
            order by c.priority, c.eligible_at, c.id;
            get diagnostics v_claimed = row_count;
            v_picked := v_picked + v_claimed;
            if v_counted then
                v_holders := v_holders || v_ids;
            end if;
            if random() < v_claimed / 300.0 then
                perform gendurable._move_trails(gendurable._drawn(v_ids));
            elsif v_far then
                perform gendurable._move_trails('{}', v_kinds);
            end if;
            if random() < v_claimed / 500.0 then
                perform gendurable._move_waits(gd_pick.queue);
            end if;
            if v_c.scoped is not null then
                perform gendurable._sync_keys(v_c.scoped);
            end if;
            if v_claimed > 0 and v_c.heavy then
                v_room := v_room - v_admitted.bytes;
            end if;
            exit when not (v_c.keyed or v_c.rated or v_failed) or v_picked = v_most
                      or v_picked > 0 and v_left <> '{}';
            v_gave_up := v_rounds >= 5 and cardinality(v_seen) >= 100;
        end loop;
        if v_counted and v_picked > 0 then
            perform gendurable._note_holders(gd_pick.queue, v_holders);
        end if;
        if (v_limited or v_counted or v_fired > 0 or v_ended)
           and current_setting('synchronous_commit') = 'off' then
            set local synchronous_commit to default;
        end if;
        -- An `if` of its own: a condition that holds a query is begun as one, even where its first
        -- part is false.
        if v_limited and v_picked < gd_pick.slots then
            if exists (select from gendurable._rung('tokens')) then
                -- The caller may want to know when those that were just refused are due.
                perform gendurable._offer_tokens();
            end if;
        end if;
    end if;

    if (v_picked < gd_pick.slots) <> v_idle then
        -- A worker that leaves with free slots is worth a notification when work arrives.
        perform gendurable._mark_worker(gd_pick.worker, gd_pick.queue, not v_idle, false);
    end if;
    if v_picked = gd_pick.slots and (v_due is not null or v_fired > 0 or v_limited)
       or v_picked > 0 and v_left <> '{}' or v_gave_up or v_more then
        -- Other workers may have come for what fell due, was offered or is left, while it was
        -- locked here, and gone to sleep again. What is left also calls this worker back, and so
        -- does what it has not come to.
        perform gendurable._announce(
            array[gd_pick.queue],
            p_kinds => case when v_fired = 0 and not v_limited then v_kinds || v_due end);
    elsif v_picked = v_most and v_most < gd_pick.slots and not v_idle then
        -- The limit or another pick has kept it from more. A claim that ends meanwhile, or that
        -- pick, does not see yet that this worker sleeps: it looks once more by itself.
        perform gendurable._announce(array[gd_pick.queue], p_kinds => v_kinds);
    elsif v_counted and v_picked = gd_pick.slots then
        -- Another pick may have been turned away meanwhile, with places left.
        perform gendurable._announce_places(array[gd_pick.queue]);
    end if;
    if v_due is not null and (v_most < gd_pick.slots or not v_due <@ v_kinds) then
        -- Due rows that this worker does not declare, or has no place for, are for other workers:
        -- those found them locked by this pick, and sleep.
        perform gendurable._announce(array[gd_pick.queue], p_kinds => v_due);
    end if;
end
$$;
comment on function public.gd_pick(bigint, text, int)
    is 'Claims ready instances of a queue for a worker.';
