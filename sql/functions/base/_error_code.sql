-- The GD code that fits a problem.
create function gendurable._error_code(p_problem text) returns text
language sql immutable parallel safe
return case when p_problem like '% is required' then 'GD001' else 'GD002' end;
comment on function gendurable._error_code(text) is 'The GD code that fits a problem.';
