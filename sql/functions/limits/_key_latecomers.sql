-- The first instances of one kind and priority that came into a phase in a run, before a place.
--
-- Locks: none. Writes: nothing.
-- Plan:  instances_keyed_lately or instances_rated_lately, as many entries as p_most; it is
--        inlined, and of its two branches one is run.
create function gendurable._key_latecomers(p_sort gendurable.doorbell_kind, p_key text,
                                           p_phase gendurable.phase, p_run bigint, p_kind bigint,
                                           p_priority int, p_at timestamptz, p_id bigint,
                                           p_most int)
returns table (id bigint, priority int, eligible_at timestamptz, weight float8,
               concurrency_key text)
language sql stable
begin atomic
    (select i.id, i.priority, i.eligible_at, i.weight, i.concurrency_key
     from gendurable.instances as i
     where p_sort = 'slot' and i.concurrency_key = p_key
       and i.phase < 'executing' and i.phase = p_phase and i.entered = p_run
       and (i.lane >> 40) = p_kind and i.priority = p_priority
       and (i.eligible_at, i.id) < (p_at, p_id)
     order by i.eligible_at, i.id
     limit p_most)
    union all
    (select i.id, i.priority, i.eligible_at, i.weight, i.concurrency_key
     from gendurable.instances as i
     where p_sort = 'tokens' and i.rate_limit = p_key
       and i.phase < 'executing' and i.phase = p_phase and i.entered = p_run
       and (i.lane >> 40) = p_kind and i.priority = p_priority
       and (i.eligible_at, i.id) < (p_at, p_id)
     order by i.eligible_at, i.id
     limit p_most);
end;
comment on function gendurable._key_latecomers(gendurable.doorbell_kind, text, gendurable.phase,
                                               bigint, bigint, int, timestamptz, bigint, int)
    is 'The first instances of a key that came into a phase in a run, before a place.';
