-- The next run, from one on, in which an instance of a key came into a phase.
--
-- Locks: none. Writes: nothing.
-- Plan:  instances_keyed_lately or instances_rated_lately, one descent; it is inlined, and of its
--        two branches one is run.
create function gendurable._key_run(p_sort gendurable.doorbell_kind, p_key text,
                                    p_phase gendurable.phase, p_from bigint)
returns table (run bigint)
language sql stable
begin atomic
    (select i.entered
     from gendurable.instances as i
     where p_sort = 'slot' and i.concurrency_key = p_key
       and i.phase < 'executing' and i.phase = p_phase and i.entered >= p_from
     order by i.entered
     limit 1)
    union all
    (select i.entered
     from gendurable.instances as i
     where p_sort = 'tokens' and i.rate_limit = p_key
       and i.phase < 'executing' and i.phase = p_phase and i.entered >= p_from
     order by i.entered
     limit 1);
end;
comment on function gendurable._key_run(gendurable.doorbell_kind, text, gendurable.phase, bigint)
    is 'The next run in which an instance of a key came into a phase.';
