-- A number of a field of a cron expression, given as digits or as a name; null if it is neither.
create function gendurable._cron_number(p_text text, p_names text[], p_first int) returns int
language sql immutable parallel safe
return case when p_text ~ '^[0-9]{1,9}$' then p_text::int
            else array_position(p_names, p_text) - 1 + p_first end;
comment on function gendurable._cron_number(text, text[], int)
    is 'A number of a field of a cron expression, or null.';
