-- How many instances of a key may execute at once, given what is set for its name; null: nothing.
create function gendurable._max_executing(p_limit int) returns int
language sql immutable parallel safe
return coalesce(p_limit, 1);
comment on function gendurable._max_executing(int)
    is 'How many instances of a key may execute at once, given the limit of its name.';
