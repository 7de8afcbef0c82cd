-- Offers the free slots of concurrency keys to those that wait for them: as many as are free, in
-- every line where some wait (gendurable._slot_line), the most urgent first.
--
-- An offer is only a place in the ready set; gd_pick counts again before it admits. So too many
-- offers do no harm, and a slot does not wait for what cannot start. An offer that no pick has
-- taken up is taken back for a more urgent instance.
-- slot freed x rows just held back: see gendurable._ring. Only the holder of the name's lock
-- uses up a doorbell, and it notes which before it counts, so that what it used up is visible
-- to the count.
-- Where some go on waiting, each holder of a slot sees them when it gives the slot up, and rings;
-- unless it is about to (see gendurable._holders_leaving), or they wait only since this call: then
-- their key is looked at once more.
-- p_most:  see gendurable._answerable_doorbells.
-- p_kinds: those of the pick that calls; null: no pick.
-- Locks:  names, as gendurable._answerable_doorbells (others keep their doorbells); instances that
--         move, skipping locked ones (their key keeps one too); some holders, for a moment.
-- Writes: doorbells, instances, key_trails.
-- Plan:   doorbells_run; as gendurable._slot_line; instances_busy for the holders, and as
--         gendurable._capacity for every count.
create function gendurable._offer_slots(p_most int default 500, p_kinds int[] default null)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = on
set enable_sort = on
set jit = off
as $$
declare
    v_keys   text[];
    v_rings  tid[];
    v_ids    bigint[];
    v_back   bigint[];
    v_again  text[];
    v_rates  text[];
    v_queues text[];
    v_kinds  int[];
    v_holders bigint[];
    v_slots  text[];
    v_in     gendurable.entrance;
begin
    select r.keys, r.rings into v_keys, v_rings
    from gendurable._answerable_doorbells('slot', p_most) as r;
    if v_keys is null then
        return;
    end if;

    select array_agg(e.id), array_agg(k.key) into v_holders, v_slots
    from unnest(v_keys) as k (key)
    cross join lateral (
        select x.id from gendurable.instances as x
        where x.concurrency_key = k.key and x.phase = 'executing'
          and x.claimed_at >= coalesce((select f.since from gendurable._busy_floor(k.key) as f),
                                       '-infinity')
        offset 0
    ) as e;

    with line as materialized (
        -- A more urgent newcomer gets the offer of a less urgent instance.
        select n.* from gendurable._slot_line(v_keys, p_kinds) as n
    ), moving as materialized (
        select n.id, n.key, n.held, i.id is not null as moves
        from line as n
        left join lateral (
            select x.id from gendurable.instances as x
            where x.id = n.id
            for no key update skip locked
        ) as i on true
        where n.held = n.offered
    )
    select array_agg(m.id) filter (where m.moves and m.held),
           array_agg(m.id) filter (where m.moves and not m.held),
           -- Look again where an instance that is to have an offer did not move, because another
           -- transaction holds its row for a moment; and where one whose offer is taken back did:
           -- a holder that commits before this transaction cannot see that it waits.
           array_agg(distinct m.key) filter (where m.held <> m.moves)
    into v_ids, v_back, v_again
    from moving as m;

    if v_back is not null then
        -- The tokens that were offered to them are for others.
        with back as (
            update gendurable.instances as i
            set phase = 'held', entered = gendurable._run(pg_current_xact_id())
            where i.id = any (v_back)
            returning i.rate_limit
        )
        select array_agg(b.rate_limit) into v_rates from back as b where b.rate_limit is not null;
    end if;
    if v_ids is not null then
        v_in := gendurable._enter_ready();
        with offered as (
            update gendurable.instances as i
            set phase = 'ready',
                entered = v_in.run,
                lane = gendurable._lane((i.lane >> 40)::int, i.priority, i.eligible_at, i.id, v_in)
            where i.id = any (v_ids)
            returning i.queue, i.lane
        )
        select array_agg(distinct o.queue), array_agg(distinct (o.lane >> 40)::int)
        into v_queues, v_kinds
        from offered as o;
        perform gendurable._announce(v_queues, p_kinds => v_kinds);
    end if;
    if v_holders is not null then
        v_again := v_again || gendurable._holders_leaving(v_holders, v_slots);
    end if;
    if v_again <> '{}' or cardinality(v_keys) >= p_most then
        perform gendurable._look_again();
    end if;
    perform gendurable._move_key_trails('slot', v_keys, v_ids || v_back);
    perform gendurable._clear_doorbells('slot', v_rings, v_again);
    if v_rates is not null then
        perform gendurable._announce(null, null, v_rates);
    end if;
end
$$;
comment on function gendurable._offer_slots(int, int[])
    is 'Offers free slots of concurrency keys to the instances that wait for them.';
