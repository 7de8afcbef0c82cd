-- Turns JSON objects with the argument names of gd_enqueue into entries that may be created,
-- defaults applied and ids drawn. A version that is left out is null: gendurable._enqueue knows.
--
-- Of children, the last four arguments say for each its parent, the parent's round, its place among
-- the parent's children, and the queue where it names none.
-- Locks: none. Writes: nothing but the sequence.
-- Errors: GD003 for the first entry that is no object, has an unknown field or a bad value.
create function gendurable._parse_entries(p_entries jsonb,
                                          p_default_queue text default 'default',
                                          p_first_ord int default 1,
                                          p_parents bigint[] default null,
                                          p_rounds int[] default null,
                                          p_places int[] default null,
                                          p_queues text[] default null)
returns gendurable.entry[]
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    c_fields  constant text[] := array['fsm', 'state', 'step', 'queue', 'priority', 'eligible_at',
                                       'delay', 'correlation_key', 'correlation_scope',
                                       'concurrency_key', 'rate_limit', 'weight', 'fsm_version'];
    -- A router says where an instance belongs.
    v_fields  text[] := case when pg_sequence_last_value('gendurable.partitions') is null
                             then c_fields else c_fields || 'partition'::text end;
    v_entries gendurable.entry[];
    v_now     timestamptz := now();
    v_bad     boolean;
    v_reason  text;
    v_detail  text;
begin
    begin
        -- A typo in a field's name must not be ignored: it would enqueue something else than
        -- what was meant.
        v_bad := exists (select from jsonb_array_elements(p_entries) as x (entry)
                         where x.entry - v_fields <> '{}');
        if not v_bad then
            -- Any JSON becomes a text. Only where that looks like an object or an array is it worth
            -- a look at what it was.
            select array_agg(row(
                       e.ord + p_first_ord - 1,
                       gendurable._new_id(e.correlation_key, e.concurrency_key, e.rate_limit,
                                          e.partition, e.parent_id),
                       e.fsm,
                       e.fsm_version, coalesce(e.state, '{}'),
                       coalesce(e.step, 'start'),
                       coalesce(e.queue, e.parents_queue, p_default_queue),
                       coalesce(e.priority, 0),
                       case when e.delay is null then coalesce(e.eligible_at, v_now)
                            else gendurable._eligible_at(e.eligible_at, e.delay) end,
                       e.correlation_key, e.correlation_scope, e.concurrency_key, e.rate_limit,
                       coalesce(e.weight, 1), e.parent_id, e.round, e.place,
                       null)::gendurable.entry),
                   bool_or(
                       gendurable._entry_problem(e.fsm, e.step, e.queue, e.correlation_key,
                                                 e.correlation_scope, e.concurrency_key,
                                                 e.rate_limit, e.weight) is not null
                       or case when e.fsm like '{%' or e.fsm like '[%'
                                    or e.step like '{%' or e.step like '[%'
                                    or e.queue like '{%' or e.queue like '[%'
                                    or e.correlation_key like '{%' or e.correlation_key like '[%'
                                    or e.concurrency_key like '{%' or e.concurrency_key like '[%'
                                    or e.rate_limit like '{%' or e.rate_limit like '[%'
                               then gendurable._json_problem(p_entries -> (e.ord - 1)::int,
                                                             v_fields) is not null end)
            into v_entries, v_bad
            from rows from (jsonb_to_recordset(p_entries) as (
                     fsm text, state jsonb, step text, queue text, priority int,
                     eligible_at timestamptz, delay interval, correlation_key text,
                     correlation_scope text[], concurrency_key text, rate_limit text,
                     weight float8, fsm_version int, partition int),
                     unnest(p_parents, p_rounds, p_places, p_queues)
                 ) with ordinality as e (fsm, state, step, queue, priority, eligible_at, delay,
                                         correlation_key, correlation_scope, concurrency_key,
                                         rate_limit, weight, fsm_version, partition,
                                         parent_id, round, place, parents_queue, ord);
        end if;
        if v_bad is not true then
            return v_entries;
        end if;
    exception when data_exception or program_limit_exceeded or sqlstate 'GD002' then
        get stacked diagnostics v_reason = message_text, v_detail = pg_exception_detail;
    end;

    -- Something is bad. Only now is it worth finding out in which entry: parse them one by one (a
    -- loop, but the last thing we do).
    if jsonb_array_length(p_entries) > 1 then
        for v_i in 0 .. jsonb_array_length(p_entries) - 1 loop
            perform gendurable._parse_entries(jsonb_build_array(p_entries -> v_i), p_default_queue,
                                              v_i + 1);
        end loop;
    end if;
    v_reason := coalesce(
        gendurable._json_problem(p_entries -> 0, v_fields),
        (select gendurable._entry_problem(e.fsm, e.step, e.queue, e.correlation_key,
                                          e.correlation_scope, e.concurrency_key,
                                          e.rate_limit, e.weight)
         from unnest(v_entries) as e),
        gendurable._field_problem(p_entries -> 0),
        nullif(v_detail, ''), v_reason);
    perform gendurable._refuse(
        'GD003', format('ord %s: %s', p_first_ord, v_reason),
        'Correct the entry and send the batch again; nothing of it was stored. An entry is an '
        'object with the argument names of gd_enqueue: ' || array_to_string(c_fields, ', ') || '.');
    return null;
end
$$;
comment on function gendurable._parse_entries(jsonb, text, int, bigint[], int[], int[], text[])
    is 'Parses JSON entries into typed ones; refuses bad ones.';
