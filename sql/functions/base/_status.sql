-- The public status of a live instance.
create function gendurable._status(p_phase gendurable.phase) returns text
language sql immutable parallel safe
-- Spelt out: a cast of an enum to text is no constant, and would keep the planner
-- from inlining this.
return case p_phase when 'executing' then 'executing'
                    when 'awaiting_signal' then 'awaiting_signal'
                    when 'awaiting_children' then 'awaiting_children'
                    else case when p_phase is not null then 'runnable' end end;
comment on function gendurable._status(gendurable.phase) is 'The public status of a live instance.';
