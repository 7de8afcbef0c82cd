-- The public status of a live instance.
create function gendurable._status(p_phase gendurable.phase) returns text
language sql immutable parallel safe
return case when p_phase in ('ready', 'scheduled', 'held', 'throttled') then 'runnable' else p_phase::text end;
comment on function gendurable._status(gendurable.phase) is 'The public status of a live instance.';
