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
    when octet_length(p_fsm) > 1000
        then 'fsm is longer than 1,000 bytes: ' || left(p_fsm, 40) || '...'
    when octet_length(p_step) > 1000
        then 'step is longer than 1,000 bytes: ' || left(p_step, 40) || '...'
    when octet_length(p_queue) > 1000
        then 'queue is longer than 1,000 bytes: ' || left(p_queue, 40) || '...'
    when octet_length(p_correlation_key) > 1000
        then 'correlation_key is longer than 1,000 bytes: ' || left(p_correlation_key, 40) || '...'
    when octet_length(p_concurrency_key) > 1000
        then 'concurrency_key is longer than 1,000 bytes: ' || left(p_concurrency_key, 40) || '...'
    when octet_length(p_rate_limit) > 1000
        then 'rate_limit is longer than 1,000 bytes: ' || left(p_rate_limit, 40) || '...'
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
