-- Of an instance that is parked: the signals or the children that it waits for; no row for any
-- other.
--
-- Locks: none. Writes: nothing.
-- Plan:  signals_pkey, the first 1,000 of its inbox; countdowns_pkey; instances_parent, in order.
create function gendurable._why_parked(p_instance gendurable.instances)
returns table (reason text, detail text, remedy text, since timestamptz)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_names text[];
    v_live  text[];
    v_first bigint;
begin
    since := p_instance.updated_at;
    if p_instance.phase = 'awaiting_signal' then
        v_names := array(
            select distinct s.name
            from (select s.name from gendurable.signals as s
                  where s.inbox = gendurable._inbox_key(p_instance.id, p_instance.inbox)
                  order by s.id limit 1000) as s);
        reason := 'awaiting_signal';
        detail := format('It waits for a signal named %s%s; %s.',
                         array_to_string(p_instance.awaits, ' or '),
                         ', until ' || case when isfinite(p_instance.eligible_at)
                                            then gendurable._clock(p_instance.eligible_at) end,
                         case when v_names = '{}' then 'its inbox is empty'
                              else format('its inbox has only signals that do not wake it (%s)',
                                          gendurable._list(v_names)) end);
        remedy := format('gd_signal(%s, %L) wakes it.', p_instance.id, p_instance.awaits[1]);
        return next;
    elsif p_instance.phase = 'awaiting_children' then
        v_live := array(
            select format('%s (%s, %s)', c.id, c.fsm, gendurable._status(c.phase))
            from gendurable.instances as c
            where c.parent_id = p_instance.id and c.parent_round = p_instance.round
            order by c.ord limit 3);
        v_first := (
            select c.id from gendurable.instances as c
            where c.parent_id = p_instance.id and c.parent_round = p_instance.round
            order by c.ord limit 1);
        reason := 'awaiting_children';
        detail := format('It waits for %s of its children%s.',
                         (select c.pending from gendurable.countdowns as c
                          where c.parent_id = p_instance.id and c.round = p_instance.round
                          order by c.parent_id, c.round, c.pending limit 1),
                         ', of which the first are ' || nullif(gendurable._list(v_live), ''));
        remedy := format('gd_why(%s) says why the first of them does not run.',
                         coalesce(v_first::text, '...'));
        return next;
    end if;
end
$$;
comment on function gendurable._why_parked(gendurable.instances)
    is 'What a parked instance waits for.';
