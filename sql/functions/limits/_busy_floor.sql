-- Since when what executes of a concurrency key was claimed. No row: nothing is known.
--
-- Locks: none. Writes: nothing. Plan: busy_floors_latest, the latest first; it is inlined.
create function gendurable._busy_floor(p_key text) returns table (since timestamptz)
language sql stable
begin atomic
    select f.since from gendurable.busy_floors as f
    where f.key = p_key
    order by f.key, f.since desc
    limit 1;
end;
comment on function gendurable._busy_floor(text)
    is 'Since when what executes of a concurrency key was claimed.';
