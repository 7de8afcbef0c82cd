-- Cancels the children of rounds that are over, given as the parent and the round of each, and
-- everything below these children, level by level. One that was counted before (and revived) is
-- left alone.
--
-- Never waits, and cancels a thousand at most: what another transaction holds, or what is beyond
-- these, is noted in gendurable.dismissals, for maintenance to go on with. A child that goes on for
-- that long does no harm: its round is over, nothing counts it.
-- p_after: of each round, up to which place no child lives; null: from the first on.
-- Returns how many it cancelled.
-- Locks:  the children, skipping locked ones. It may be called with any rows in hand, because it
--         waits for none.
-- Writes: dismissals; as gendurable._cancel.
-- Plan:   instances_parent, one round at a time from p_after on.
create function gendurable._dismiss(p_parents bigint[], p_rounds int[], p_after int[] default null)
returns int
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
    v_ids       bigint[];
    v_below     bigint[];    -- of those that are cancelled: the rounds that they wait for
    v_below_at  int[];
    v_cancelled int := 0;
begin
    -- A loop over the levels of the tree, nearly always one.
    while p_parents is not null loop
        select array_agg(c.id), array_agg(c.id) filter (where c.waits),
               array_agg(c.round) filter (where c.waits)
        into v_ids, v_below, v_below_at
        from (select l.id, l.waits, l.round
              from unnest(p_parents, p_rounds, p_after) as d (parent_id, round, after)
              cross join lateral (
                  select i.id, i.phase = 'awaiting_children' as waits, i.round
                  from gendurable.instances as i
                  where i.parent_id = d.parent_id and i.parent_round = d.round
                    and i.ord > coalesce(d.after, 0) and not i.counted
                  order by i.parent_id, i.parent_round, i.ord
                  for no key update of i skip locked
              ) as l
              limit 1000 - v_cancelled) as c;
        if v_ids is not null then
            v_cancelled := v_cancelled + gendurable._cancel(v_ids, 'the join of its round is over');
        end if;
        insert into gendurable.dismissals (parent_id, round, after)
        select d.parent_id, d.round, n.ord - 1
        from unnest(p_parents, p_rounds, p_after) as d (parent_id, round, after)
        cross join lateral (
            select i.ord from gendurable.instances as i
            where i.parent_id = d.parent_id and i.parent_round = d.round
              and i.ord > coalesce(d.after, 0) and not i.counted
            order by i.parent_id, i.parent_round, i.ord limit 1
        ) as n;
        p_parents := v_below;
        p_rounds := v_below_at;
        p_after := null;
    end loop;
    return v_cancelled;
end
$$;
comment on function gendurable._dismiss(bigint[], int[], int[])
    is 'Cancels the children of rounds that are over.';
