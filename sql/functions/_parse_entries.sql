-- Turns JSON objects with the argument names of gd_enqueue into entries, defaults applied and ids drawn.
--
-- Locks: none. Writes: nothing but the sequence.
-- Errors: GD003 for an entry that is no object, has an unknown field or a value of the wrong type.
create function gendurable._parse_entries(p_entries jsonb, p_default_queue text default 'default', p_parent_id bigint default null,
                                          p_parent_round int default null, p_first_ord int default 1)
returns gendurable.entry[]
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
    c_fields  constant text[] := array['fsm', 'state', 'step', 'queue', 'priority', 'eligible_at', 'delay', 'correlation_key', 'correlation_scope',
                                         'concurrency_key', 'rate_limit', 'weight', 'fsm_version'];
    v_entries gendurable.entry[];
    v_now     timestamptz := now();
    v_ord     bigint;
    v_reason  text;
    v_detail  text;
begin
    -- A typo in a field's name must not be ignored: it would enqueue something else than what was meant.
    select x.ord, case when jsonb_typeof(x.entry) = 'object'
                       then format('unknown field %s', (select f from jsonb_object_keys(x.entry - c_fields) as f order by f limit 1))
                       else format('%s, not an object', jsonb_typeof(x.entry)) end
    into v_ord, v_reason
    from jsonb_array_elements(p_entries) with ordinality as x (entry, ord)
    where case when jsonb_typeof(x.entry) = 'object' then x.entry - c_fields <> '{}' else true end
    order by x.ord
    limit 1;

    if v_ord is null then
        select array_agg(row(
            e.ord + p_first_ord - 1, nextval('gendurable.instances_id_seq'), e.fsm, coalesce(e.fsm_version, 1), coalesce(e.state, '{}'),
            coalesce(e.step, 'start'), coalesce(e.queue, p_default_queue), coalesce(e.priority, 0),
            case when e.delay is null then coalesce(e.eligible_at, v_now) else gendurable._eligible_at(e.eligible_at, e.delay) end,
            e.correlation_key, e.correlation_scope, e.concurrency_key, e.rate_limit, coalesce(e.weight, 1),
            p_parent_id, p_parent_round, null)::gendurable.entry)
        into v_entries
        from rows from (jsonb_to_recordset(p_entries) as (
                 fsm text, state jsonb, step text, queue text, priority int, eligible_at timestamptz, delay interval,
                 correlation_key text, correlation_scope text[], concurrency_key text, rate_limit text, weight float8, fsm_version int)
             ) with ordinality as e (fsm, state, step, queue, priority, eligible_at, delay, correlation_key, correlation_scope,
                                     concurrency_key, rate_limit, weight, fsm_version, ord);
        return v_entries;
    end if;

    perform gendurable._refuse('GD003', format('ord %s: %s', v_ord + p_first_ord - 1, v_reason),
                               'An entry is an object with the argument names of gd_enqueue: ' || array_to_string(c_fields, ', ') || '.');
    return null;
exception when data_exception or sqlstate 'GD002' then
    get stacked diagnostics v_reason = message_text, v_detail = pg_exception_detail;
    -- Some value is bad. Only now is it worth finding out in which entry: parse them one by one (a loop, but the last thing we do).
    if jsonb_array_length(p_entries) > 1 then
        for v_i in 0 .. jsonb_array_length(p_entries) - 1 loop
            perform gendurable._parse_entries(jsonb_build_array(p_entries -> v_i), p_default_queue, p_parent_id, p_parent_round, v_i + 1);
        end loop;
    end if;
    perform gendurable._refuse('GD003', format('ord %s: %s', p_first_ord, coalesce(nullif(v_detail, ''), v_reason)),
                               'Correct the value and send the batch again; nothing of it was stored.');
    return null;
end
$$;
comment on function gendurable._parse_entries(jsonb, text, bigint, int, int) is 'Parses JSON entries into typed ones.';
