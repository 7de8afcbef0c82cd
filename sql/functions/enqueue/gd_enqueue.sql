-- Creates one instance, or finds the one that occupies its correlation key.
-- Joins the caller's transaction.
--
-- Locks:  its correlation key, waiting for a transaction that is inserting or freeing it.
-- Writes: correlation_keys, instances, doorbells.
-- Errors: GD001 fsm missing; GD002 a value that cannot be.
--         Warnings: GD101, GD102 (see gendurable._warn_of_rates).
create function public.gd_enqueue(
    fsm               text,
    state             jsonb       default '{}',
    step              text        default 'start',
    queue             text        default 'default',
    priority          int         default 0,
    eligible_at       timestamptz default null,
    delay             interval    default null,
    correlation_key   text        default null,
    correlation_scope text[]      default null,
    concurrency_key   text        default null,
    rate_limit        text        default null,
    weight            float8      default 1,
    fsm_version       int         default null
) returns table (id bigint, duplicate boolean)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
-- The batch is gendurable._enqueue; this is the same for one row, at a fraction of the cost of a
-- batch of one.
declare
    v_in          gendurable.entrance := gendurable._enter_ready();
    v_now         timestamptz := v_in.since;
    v_step        text        := coalesce(gd_enqueue.step, 'start');
    v_queue       text        := coalesce(gd_enqueue.queue, 'default');
    v_weight      float8      := coalesce(gd_enqueue.weight, 1);
    v_eligible_at timestamptz := coalesce(gd_enqueue.eligible_at, v_now);
    v_id          bigint;
    v_problem     text;
    v_phase       gendurable.phase;
    v_version     int;
    v_kind        int;
begin
    if gendurable._is_open(
           'public.gd_enqueue(text,jsonb,text,text,int,timestamptz,'
           'interval,text,text[],text,text,float8,int)') then
        perform gendurable._refuse_open();
    end if;
    v_problem := gendurable._entry_problem(
        gd_enqueue.fsm, v_step, v_queue, gd_enqueue.correlation_key, gd_enqueue.correlation_scope,
        gd_enqueue.concurrency_key, gd_enqueue.rate_limit, v_weight);
    if v_problem is not null then
        perform gendurable._refuse(gendurable._error_code(v_problem), v_problem,
                                   'Correct the argument and enqueue again; nothing was stored.');
    end if;
    if gd_enqueue.delay is not null then
        v_eligible_at := gendurable._eligible_at(gd_enqueue.eligible_at, gd_enqueue.delay);
    end if;

    -- The sequence gives the id first, because the row of a key names its occupant.
    v_id := gendurable._new_id(gd_enqueue.correlation_key, gd_enqueue.concurrency_key,
                               gd_enqueue.rate_limit);
    if gendurable._occupies(gd_enqueue.correlation_key, gd_enqueue.correlation_scope) then
        id := gendurable._take_key(gd_enqueue.correlation_key, v_id);
        if id <> v_id then
            duplicate := true;
            return next;
            return;
        end if;
    end if;

    v_phase := gendurable._runnable(gd_enqueue.concurrency_key, gd_enqueue.rate_limit,
                                    v_eligible_at > v_now);
    -- An `if` of its own: a condition that holds a query is begun as one, even where its first part
    -- is false.
    if v_phase = 'held' and gd_enqueue.rate_limit is null then
        if (select v.vacant > 0
            from gendurable._estimate_free_slots(array[gd_enqueue.concurrency_key]) as v) then
            v_phase := 'ready';
        end if;
    end if;
    v_version := coalesce(gd_enqueue.fsm_version, gendurable._newest_version(gd_enqueue.fsm));
    v_kind := gendurable._kind(v_queue, gd_enqueue.fsm, v_version, v_step);
    insert into gendurable.instances
        (id, enqueued_at, eligible_at, updated_at, priority,
         lane,
         entered,
         phase, step, state,
         rate_limit, weight, concurrency_key,
         fsm_version,
         fsm,
         queue, correlation_key, correlation_scope)
    values
        (v_id, v_now, v_eligible_at, v_now, coalesce(gd_enqueue.priority, 0),
         gendurable._lane(v_kind, coalesce(gd_enqueue.priority, 0), v_eligible_at, v_id, v_in),
         gendurable._entered(gd_enqueue.concurrency_key, gd_enqueue.rate_limit, v_in.run),
         v_phase, v_step, coalesce(gd_enqueue.state, '{}'),
         gd_enqueue.rate_limit, nullif(v_weight, 1), gd_enqueue.concurrency_key,
         v_version,
         gd_enqueue.fsm,
         v_queue, gd_enqueue.correlation_key, gd_enqueue.correlation_scope);
    perform gendurable._announce(
        array[v_queue],
        case when v_phase = 'held' then array[gd_enqueue.concurrency_key] end,
        case when v_phase = 'throttled' then array[gd_enqueue.rate_limit] end,
        p_kinds => array[v_kind]);
    if gd_enqueue.rate_limit is not null then
        perform gendurable._warn_of_rates(array[gd_enqueue.rate_limit], array[v_weight]);
    end if;

    id := v_id;
    duplicate := false;
    return next;
end
$$;
comment on function public.gd_enqueue(text, jsonb, text, text, int, timestamptz, interval,
                                      text, text[], text, text, float8, int)
    is 'Creates an instance; a duplicate of an occupied correlation key answers the occupant.';
