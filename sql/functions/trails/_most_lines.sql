-- How many priorities of a kind have a line of their own. The others, and there may be any number,
-- stand in runs.
create function gendurable._most_lines() returns int
language sql immutable parallel safe
return 32;
comment on function gendurable._most_lines() is 'How many priorities of a kind have a line.';
