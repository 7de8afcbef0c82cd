-- The earliest moment for which an instance of a queue waits, from one on, some holes left out;
-- infinity if there is none.
--
-- Locks: none. Writes: nothing. Plan: instances_due, one descent for each hole at most.
create function gendurable._first_wait(p_queue text, p_from timestamptz, p_holes tstzmultirange)
returns timestamptz
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_part  record;
    v_first timestamptz;
begin
    for v_part in
        select lower(s) as from_at, upper(s) as until_at
        from unnest(tstzmultirange(tstzrange(p_from, 'infinity')) - p_holes) as s
        order by s
    loop
        select i.eligible_at into v_first
        from gendurable.instances as i
        where i.phase in ('scheduled', 'awaiting_signal') and i.eligible_at < 'infinity'
          and i.queue = p_queue
          and i.eligible_at >= v_part.from_at and i.eligible_at < v_part.until_at
        order by i.queue, i.eligible_at
        limit 1;
        if found then
            return v_first;
        end if;
    end loop;
    return timestamptz 'infinity';
end
$$;
comment on function gendurable._first_wait(text, timestamptz, tstzmultirange)
    is 'The earliest moment for which an instance of a queue waits.';
