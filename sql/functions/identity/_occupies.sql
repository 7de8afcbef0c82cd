-- Whether an instance occupies its correlation key in a status: in the statuses of its scope, which
-- are the live ones where it has none.
create function gendurable._occupies(p_key text, p_scope text[], p_status text default 'runnable')
returns boolean
language sql immutable parallel safe
return p_key is not null
       and case when p_scope is null then p_status not in ('done', 'failed')
                else p_status = any (p_scope) end;
comment on function gendurable._occupies(text, text[], text)
    is 'Whether an instance occupies its correlation key in a status.';
