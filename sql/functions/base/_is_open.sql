-- Whether PUBLIC may execute a function. Every public function that is SECURITY DEFINER asks
-- that of itself first: it cannot see the role behind its caller, so it is closed while any role
-- may call it, as all may after a restore without privileges.
--
-- Locks: none. Writes: nothing. Plan: it is inlined.
create function gendurable._is_open(p_function regprocedure) returns boolean
language sql stable
return has_function_privilege('public', p_function, 'execute');
comment on function gendurable._is_open(regprocedure) is 'Whether PUBLIC may execute a function.';
