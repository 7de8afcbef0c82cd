-- The first instances of one kind in a phase that have a concurrency key ('slot') or a rate limit
-- ('tokens'): from a place on, before another priority.
--
-- Locks: none. Writes: nothing.
-- Plan:  instances_keyed or instances_rated, as many entries as p_most; it is inlined, and of its
--        two branches one is run.
create function gendurable._key_rows(p_sort gendurable.doorbell_kind, p_key text,
                                     p_phase gendurable.phase, p_kind bigint, p_priority int,
                                     p_at timestamptz, p_id bigint, p_until bigint, p_most int)
returns table (id bigint, priority int, eligible_at timestamptz, weight float8,
               concurrency_key text)
language sql stable
begin atomic
    (select i.id, i.priority, i.eligible_at, i.weight, i.concurrency_key
     from gendurable.instances as i
     where p_sort = 'slot' and i.concurrency_key = p_key
       and i.phase in ('ready', 'held') and i.phase = p_phase and (i.lane >> 40) = p_kind
       and (i.priority, i.eligible_at, i.id) >= (p_priority, p_at, p_id)
       and i.priority < p_until
     order by i.priority, i.eligible_at, i.id
     limit p_most)
    union all
    (select i.id, i.priority, i.eligible_at, i.weight, i.concurrency_key
     from gendurable.instances as i
     where p_sort = 'tokens' and i.rate_limit = p_key
       and i.phase in ('ready', 'throttled') and i.phase = p_phase and (i.lane >> 40) = p_kind
       and (i.priority, i.eligible_at, i.id) >= (p_priority, p_at, p_id)
       and i.priority < p_until
     order by i.priority, i.eligible_at, i.id
     limit p_most);
end;
comment on function gendurable._key_rows(gendurable.doorbell_kind, text, gendurable.phase, bigint,
                                         int, timestamptz, bigint, bigint, int)
    is 'The first instances of a key, a phase and a kind, from a place on.';
