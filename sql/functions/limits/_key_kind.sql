-- The next kind between two others of which an instance with a concurrency key ('slot') or a rate
-- limit ('tokens') stands in a phase.
--
-- Locks: none. Writes: nothing.
-- Plan:  instances_keyed or instances_rated, one descent; it is inlined, and of its two branches
--        one is run.
create function gendurable._key_kind(p_sort gendurable.doorbell_kind, p_key text,
                                     p_phase gendurable.phase, p_after bigint, p_before bigint)
returns table (kind bigint)
language sql stable
begin atomic
    (select i.lane >> 40
     from gendurable.instances as i
     where p_sort = 'slot' and i.concurrency_key = p_key
       and i.phase in ('ready', 'held') and i.phase = p_phase
       and (i.lane >> 40) > p_after and (i.lane >> 40) < p_before
     order by i.lane >> 40
     limit 1)
    union all
    (select i.lane >> 40
     from gendurable.instances as i
     where p_sort = 'tokens' and i.rate_limit = p_key
       and i.phase in ('ready', 'throttled') and i.phase = p_phase
       and (i.lane >> 40) > p_after and (i.lane >> 40) < p_before
     order by i.lane >> 40
     limit 1);
end;
comment on function gendurable._key_kind(gendurable.doorbell_kind, text, gendurable.phase, bigint,
                                         bigint)
    is 'The next kind of which an instance of a key stands in a phase.';
