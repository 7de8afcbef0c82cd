-- What last_error says of an execution that was lost with its worker.
--
-- `held` is how many claims the worker held when it was lost: a crash says something about this
-- instance only where it is 1. `at` is when it was reaped. `excused` counts the losses of the
-- current step that say nothing about it: attempt - excused is what counts against a limit of
-- attempts.
create function gendurable._lost(p_before jsonb, p_reason text, p_held bigint, p_excused boolean)
returns jsonb
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    return jsonb_build_object(
        'kind', 'lost', 'reason', p_reason, 'held', p_held, 'at', clock_timestamp(),
        'excused', greatest(0, least(coalesce(gendurable._bigint(p_before -> 'excused'), 0),
                                     2147483646))
                   + case when p_excused or p_held > 1 then 1 else 0 end);
end
$$;
comment on function gendurable._lost(jsonb, text, bigint, boolean)
    is 'The last_error of an execution that was lost with its worker.';
