-- Says what is wrong with an instance that is to be created; null: nothing. The one place that
-- knows what may be enqueued.
create function gendurable._entry_problem(
    p_fsm text, p_step text, p_queue text, p_correlation_key text, p_correlation_scope text[],
    p_concurrency_key text, p_rate_limit text, p_weight float8
) returns text
language sql immutable parallel safe
return case
    when p_fsm is null then 'fsm is required'
    when p_fsm = '' then 'fsm is empty'
    when p_step = '' then 'step is empty'
    when p_queue = '' then 'queue is empty'
    when gendurable._too_long(p_fsm) then gendurable._too_long_problem('fsm', p_fsm)
    when gendurable._too_long(p_step) then gendurable._too_long_problem('step', p_step)
    when gendurable._too_long(p_queue) then gendurable._too_long_problem('queue', p_queue)
    when gendurable._too_long(p_correlation_key)
        then gendurable._too_long_problem('correlation_key', p_correlation_key)
    when gendurable._too_long(p_concurrency_key)
        then gendurable._too_long_problem('concurrency_key', p_concurrency_key)
    when gendurable._too_long(p_rate_limit)
        then gendurable._too_long_problem('rate_limit', p_rate_limit)
    when not (p_weight >= 0 and p_weight < 'Infinity')
        then 'weight is ' || p_weight::text || ', not a finite number >= 0'
    when p_rate_limit = '' then 'rate_limit is empty'
    when p_concurrency_key = '' then 'concurrency_key is empty'
    when p_correlation_key = '' then 'correlation_key is empty'
    when not p_correlation_scope <@ array['runnable', 'executing', 'awaiting_signal',
                                          'awaiting_children', 'done', 'failed']
        then 'correlation_scope has what is no status: ' || gendurable._list(p_correlation_scope)
end;
comment on function gendurable._entry_problem(text, text, text, text, text[], text, text, float8)
    is 'What is wrong with an instance to be created, or null.';
