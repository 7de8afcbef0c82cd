-- Whether an event of an fsm's instance is noted, by the levels of _levels; p_error: it is one of
-- those that the level errors asks for.
create function gendurable._is_noted(p_levels jsonb, p_fsm text, p_error boolean) returns boolean
language sql immutable parallel safe
return case coalesce(p_levels ->> p_fsm, p_levels ->> '', 'errors')
           when 'steps' then true when 'errors' then p_error else false end;
comment on function gendurable._is_noted(jsonb, text, boolean) is
    'Whether an event is noted, by the levels of history.';
