-- Of an instance that executes: which worker has it, and until when; no row for any other.
--
-- Locks: none. Writes: nothing. Plan: as the view gd_workers, for one worker.
create function gendurable._why_claimed(p_instance gendurable.instances)
returns table (reason text, detail text, remedy text, since timestamptz)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_worker record;
begin
    if p_instance.phase <> 'executing' then
        return;
    end if;
    since := p_instance.claimed_at;
    select w.id, w.name, w.alive, w.lease_until, w.info into v_worker
    from public.gd_workers as w where w.id = p_instance.worker_id;
    if v_worker.alive then
        reason := 'executing';
        detail := format('Worker %s (%s%s) has it since %s, in step %s; its lease runs until %s.',
                         v_worker.id, v_worker.name,
                         ', process ' || (v_worker.info ->> 'pid'),
                         gendurable._clock(since), p_instance.step,
                         gendurable._clock(v_worker.lease_until));
        remedy := 'Wait for its step; if that hangs, look at the process, or gd_cancel'
                  || format('(%s).', p_instance.id);
    else
        reason := 'worker_lost';
        detail := format('Worker %s had it since %s, in step %s, and is gone: %s.',
                         p_instance.worker_id, gendurable._clock(since), p_instance.step,
                         coalesce('its lease ended at '
                                  || gendurable._clock(v_worker.lease_until),
                                  'it has left'));
        remedy := 'Maintenance gives it to another worker: start a worker, or call gd_maintain().';
    end if;
    return next;
end
$$;
comment on function gendurable._why_claimed(gendurable.instances)
    is 'Which worker has an instance that executes, and until when.';
