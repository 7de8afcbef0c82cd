-- Says that an argument is too long, with the beginning of its value; without one that it is empty
-- or too long.
create function gendurable._too_long_problem(p_argument text, p_value text default null)
returns text
language sql immutable parallel safe
return p_argument
       || case when p_value is null then ' is empty or longer than 1,000 bytes'
               else ' is longer than 1,000 bytes: ' || left(p_value, 40) || '...' end;
comment on function gendurable._too_long_problem(text, text) is
    'Says that an argument is too long.';
