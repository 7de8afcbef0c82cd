-- Notes which of some due instances are parks whose deadline is over, before they are woken.
--
-- The phase is compared in a way that no index serves, as in public.gd_commit.
-- Locks:  the caller holds the instances. Writes: history. Plan: instances_pkey.
create function gendurable._note_expired(p_ids bigint[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
    v_now    timestamptz := clock_timestamp();
    v_levels jsonb;
begin
    if not exists (select from gendurable.history_levels as l where l.level = 'steps') then
        return;
    end if;
    v_levels := gendurable._levels();
    insert into gendurable.history (instance_id, at, fence, attempt, event, step, detail)
    select i.id, v_now, i.fence, i.attempt, 'expired', i.step,
           jsonb_build_object('names', to_jsonb(i.awaits))
    from gendurable.instances as i
    where i.id = any (p_ids) and (i.phase = 'awaiting_signal') is true
      and gendurable._is_noted(v_levels, i.fsm, false);
end
$$;
comment on function gendurable._note_expired(bigint[])
    is 'Notes parks whose deadline is over in the history.';
