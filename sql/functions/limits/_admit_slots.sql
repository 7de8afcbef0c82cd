-- Of ready instances that the caller has locked, and whose keys' names it has locked: those that
-- may be claimed now. The others of a saturated key are held back, out of the ready set.
--
-- two picks x one key: only the holder of the name's lock decides about it, and it counts in a
-- statement of its own, so that the count sees every claim that was committed before.
-- slot freed x rows held back: the transaction that frees the slot cannot see that they wait now,
-- so this one rings, and they are looked at once more when they can be seen.
-- since: when they are claimed, if they are: not before the floor of any of their keys, however the
-- clock is set.
-- Locks:  none; the caller holds the instances and the names.
-- Writes: instances, doorbells, busy_floors, key_trails.
-- Plan:   instances_pkey; as gendurable._capacity for the counts.
create function gendurable._admit_slots(p_ids bigint[], out ids bigint[], out since timestamptz)
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
    v_moved   text[];
    v_refused bigint[];
    v_keys    text[];
    v_rates   text[];
begin
    with ranked as materialized (
        select i.id, i.concurrency_key as key, i.rate_limit,
               row_number() over (partition by i.concurrency_key
                                  order by i.priority, i.eligible_at, i.id) as place
        from gendurable.instances as i
        where i.id = any (p_ids)
    ), slots as materialized (
        select k.key, c.free, f.since
        from (select distinct r.key from ranked as r where r.key is not null) as k
        cross join lateral gendurable._capacity(k.key) as c
        left join lateral gendurable._busy_floor(k.key) as f on true
    ), judged as (
        select r.*, r.key is null or r.place <= s.free as admitted
        from ranked as r
        left join slots as s on s.key = r.key
    )
    select array_agg(j.id) filter (where j.admitted),
           array_agg(j.id) filter (where not j.admitted),
           array_agg(j.key) filter (where not j.admitted),
           array_agg(j.rate_limit) filter (where not j.admitted),
           greatest(clock_timestamp(), (select max(s.since) from slots as s)),
           array_agg(j.key) filter (where j.admitted and j.key is not null
                                     and random() < 1 / 100.0)
    into ids, v_refused, v_keys, v_rates, since, v_moved
    from judged as j;
    ids := coalesce(ids, '{}');
    perform gendurable._move_key_trails(
        'slot', array(select distinct i.concurrency_key from gendurable.instances as i
                      where i.id = any (p_ids) and i.concurrency_key is not null), p_ids);
    if v_moved is not null then
        perform gendurable._move_busy_floors(v_moved);
        since := greatest(since, clock_timestamp());
    end if;

    if v_refused is not null then
        update gendurable.instances as i
        set phase = 'held', entered = gendurable._run(pg_current_xact_id())
        where i.id = any (v_refused);
        -- the tokens that were offered to them are for others
        perform gendurable._announce(null, v_keys, v_rates);
    end if;
end
$$;
comment on function gendurable._admit_slots(bigint[])
    is 'Which of the given ready instances may be claimed; the others of a saturated key are '
       'held back.';
