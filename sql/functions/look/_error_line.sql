-- An error as one short line for a sentence: its type and message where it has them.
create function gendurable._error_line(p_error jsonb) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_is_object boolean := coalesce(jsonb_typeof(p_error) = 'object', false);
    v_line      text := case
        when p_error is null then 'no error was given'
        when v_is_object and (p_error ? 'message' or p_error ? 'type')
            then concat_ws(': ', p_error ->> 'type', p_error ->> 'message')
        when v_is_object and p_error ->> 'kind' = 'cancelled'
            then concat_ws(': ', 'cancelled', p_error ->> 'reason')
        when v_is_object and p_error ->> 'kind' = 'lost'
            then concat_ws(' ', 'the worker was lost', p_error ->> 'worker')
        else p_error #>> '{}'
    end;
begin
    v_line := rtrim(regexp_replace(v_line, '\s+', ' ', 'g'), '. ');
    return case when length(v_line) > 300 then left(v_line, 300) || '...' else v_line end;
end
$$;
comment on function gendurable._error_line(jsonb) is 'An error as one short line.';
