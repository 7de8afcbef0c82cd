-- Whether an instance waits for a slot of a concurrency key.
--
-- Locks: none. Writes: nothing.
-- Plan:  key_trails_pkey, one descent; instances_keyed, one, or where the key has a trail one for
--        each floor, and as gendurable._of_keys if there is nothing. It is inlined.
create function gendurable._is_waited_for(p_key text) returns table (waits boolean)
language sql stable
begin atomic
    select case when exists (select from gendurable.key_trails as t
                             where t.sort = 'slot' and t.key = p_key)
                then exists (select
                             from gendurable._key_trail('slot', p_key) as t
                             cross join lateral unnest(t.floors) as f
                             cross join lateral gendurable._key_rows(
                                 'slot', p_key, 'held', f.kind, f.priority, f.at, f.id,
                                 2147483648, 1) as r
                             where f.phase = 'held')
                     or exists (select from gendurable._of_keys('slot', array[p_key], 'held', 1))
                else exists (select from gendurable.instances as h
                             where h.concurrency_key = p_key and h.phase = 'held') end;
end;
comment on function gendurable._is_waited_for(text)
    is 'Whether an instance waits for a slot of a concurrency key.';
