-- Deletes the signals that outcomes of a kind name as consumed, as far as they are in the inboxes
-- of their own instances. A step that moves on (next, schedule_children) also forgets which others
-- had been presented; await and retry keep that.
--
-- Kind by kind, because what is applied later may still turn out to be invalid or busy, and then
-- its inbox has to be as it was.
-- Locks:  the caller holds the instances, and with them their inboxes.
-- Writes: signals; now and then instances (gendurable._renew_inboxes).
-- Plan:   instances_pkey; signals_pkey, each inbox by itself.
create function gendurable._consume(p_outcomes gendurable.outcome[], p_kind text) returns void
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
    v_inboxes  bigint[];
    v_from     bigint[];    -- which inbox, and which signal of it
    v_consumed bigint[];
    v_gone     bigint[];    -- whose signals have left a dead row behind, one for each
    v_again    bigint[];
begin
    select array_agg(distinct b.inbox),
           array_agg(b.inbox) filter (where c.id is not null),
           array_agg(c.id) filter (where c.id is not null)
    into v_inboxes, v_from, v_consumed
    from (select gendurable._inbox_key(i.id, i.inbox) as inbox, o.consumed
          from unnest(p_outcomes) as o
          join gendurable.instances as i on i.id = o.id
          where o.kind = p_kind and i.signalled
          offset 0) as b
    left join lateral unnest(b.consumed) as c (id) on true;

    if v_from is not null then
        with gone as (
            delete from gendurable.signals as s
            using unnest(v_from, v_consumed) as c (inbox, id)
            where s.inbox = any (v_inboxes) and s.inbox = c.inbox and s.id = c.id
            returning s.instance_id
        )
        select array_agg(g.instance_id) into v_gone from gone as g;
    end if;
    if p_kind in ('next', 'schedule_children') then
        with again as (
            update gendurable.signals as s
            set presented = null
            where s.inbox = any (v_inboxes) and s.presented is not null
            returning s.instance_id
        )
        select v_gone || array_agg(a.instance_id) into v_gone from again as a;
    end if;

    -- Rarely for one signal, nearly always for many.
    v_again := array(select g.id from unnest(v_gone) as g (id)
                     group by g.id having random() * 64 < count(*));
    if v_again <> '{}' then
        perform gendurable._renew_inboxes(v_again);
    end if;
end
$$;
comment on function gendurable._consume(gendurable.outcome[], text)
    is 'Deletes the signals that outcomes of a kind consumed.';
