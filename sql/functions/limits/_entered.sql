-- The run in which an instance comes into the phase that it is given: noted where it has a key.
create function gendurable._entered(p_concurrency_key text, p_rate_limit text, p_run bigint)
returns bigint
language sql immutable parallel safe
return case when p_concurrency_key is not null or p_rate_limit is not null then p_run end;
comment on function gendurable._entered(text, text, bigint)
    is 'The run in which an instance comes into its phase, where it has a key.';
