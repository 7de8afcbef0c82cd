-- Turns the JSON outcomes of a commit into typed ones. What cannot be applied gets a `problem`
-- instead of failing the batch.
--
-- The one place that knows what an outcome may say.
-- Locks: none. Writes: nothing.
create function gendurable._parse_outcomes(p_outcomes jsonb, p_first_ord int default 1)
returns gendurable.outcome[]
language plpgsql immutable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_outcomes gendurable.outcome[];
    -- null releases the key, absent keeps it
    v_releases boolean := p_outcomes @> '[{"concurrency_key": null}]';
    v_reason   text;
begin
    select array_agg(row(
        o.ord + p_first_ord - 1, o.id, o.fence, o.kind, o.step, o.state, o.continue, o.delay_ms,
        o.timeout_ms, o.names, o.consumed, o.priority, o.rate_limit, o.weight, o.concurrency_key,
        v_releases and p_outcomes -> (o.ord - 1)::int @> '{"concurrency_key": null}',
        o.children, o.join_kind, o.result, o.error,
        case
            when o.id is null or o.fence is null then 'id and fence are required'
            when o.kind is null then 'kind is required'
            when o.kind not in ('next', 'retry', 'await', 'schedule_children', 'done', 'stop')
                then 'unknown kind ' || o.kind
            when o.kind = 'next' and o.step is null then 'next needs a step'
            when o.step = '' or gendurable._too_long(o.step)
                then gendurable._too_long_problem('step')
            when o.kind = 'await'
                 and (array_ndims(o.names) is distinct from 1
                      or array_position(o.names, null) is not null)
                then 'await needs names'
            -- A century of milliseconds.
            when not (coalesce(o.delay_ms, 0) between -3.2e12 and 3.2e12)
                then 'delay_ms is out of range'
            when not (coalesce(o.timeout_ms, 0) between -3.2e12 and 3.2e12)
                then 'timeout_ms is out of range'
            when o.kind = 'next' and (o.rate_limit = '' or gendurable._too_long(o.rate_limit))
                then gendurable._too_long_problem('rate_limit')
            when o.kind = 'next'
                 and not (coalesce(o.weight, 1) >= 0 and coalesce(o.weight, 1) < 'Infinity')
                then 'weight is not a finite number >= 0'
            when o.kind = 'next'
                 and (o.concurrency_key = '' or gendurable._too_long(o.concurrency_key))
                then gendurable._too_long_problem('concurrency_key')
            when o.kind = 'schedule_children' and jsonb_typeof(o.children) <> 'array'
                then 'children is no array'
            when o.kind = 'schedule_children'
                 and o.join_kind not in ('all', 'first_failure', 'any')
                then 'unknown join ' || o.join_kind
            -- Any JSON becomes a text. Only where that looks like an object or an array, or is
            -- long, is it worth a look at what it was.
            when left(o.step, 1) in ('{', '[') or left(o.rate_limit, 1) in ('{', '[')
                 or left(o.concurrency_key, 1) in ('{', '[')
                 or o.kind = 'await'
                    and ('' = any (o.names) or gendurable._too_long(array_to_string(o.names, ''))
                         or array_to_string(o.names, '') ~ '[[{]')
                then gendurable._text_problem(p_outcomes -> (o.ord - 1)::int)
        end)::gendurable.outcome)
    into v_outcomes
    from rows from (jsonb_to_recordset(p_outcomes) as (
             id bigint, fence bigint, kind text, step text, state jsonb, continue boolean,
             delay_ms float8, timeout_ms float8, names text[], consumed bigint[], priority int,
             rate_limit text, weight float8, concurrency_key text,
             children jsonb, "join" text, result jsonb, error jsonb)
         ) with ordinality as o (id, fence, kind, step, state, continue, delay_ms, timeout_ms,
                                 names, consumed, priority, rate_limit, weight, concurrency_key,
                                 children, join_kind, result, error, ord);
    return v_outcomes;
-- Nothing was written, so the block costs no transaction id. (Arrays nested too deeply exceed a
-- limit of the program.)
exception when data_exception or program_limit_exceeded then
    get stacked diagnostics v_reason = message_text;
    if jsonb_array_length(p_outcomes) = 1 then
        return array[jsonb_populate_record(null::gendurable.outcome, jsonb_build_object(
            'ord', p_first_ord,
            'id', gendurable._bigint(p_outcomes -> 0 -> 'id'),
            'fence', gendurable._bigint(p_outcomes -> 0 -> 'fence'),
            'problem', case when jsonb_typeof(p_outcomes -> 0) = 'object'
                            then coalesce(gendurable._field_problem(p_outcomes -> 0), v_reason)
                            else 'not an object' end))];
    end if;
    -- Some value has the wrong type. One by one, the good ones stay good.
    for v_i in 0 .. jsonb_array_length(p_outcomes) - 1 loop
        v_outcomes := v_outcomes
                      || gendurable._parse_outcomes(jsonb_build_array(p_outcomes -> v_i), v_i + 1);
    end loop;
    return v_outcomes;
end
$$;
comment on function gendurable._parse_outcomes(jsonb, int)
    is 'Parses outcomes; a bad one carries its problem.';
