-- Of ready instances that the caller has locked: those that may be claimed now. The others of a saturated key are held back, out of the ready set.
--
-- two picks × one key: only the holder of the key's lock decides about it, and it counts in a statement of its own, so that the count sees every
-- claim that was committed before. Where the lock is not free the rows stay ready, for whoever holds it or for the next pick.
-- Locks:  keys by name, never waiting; the caller holds the instances. Writes: instances, refills.
-- Plan:   instances_pkey; instances_keyed for the counts.
create function gendurable._admit(p_ids bigint[]) returns bigint[]
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
    v_locked  text[];
    v_ids     bigint[];
    v_refused bigint[];
    v_rates   text[];
begin
    v_locked := array(
        select k.key
        from (select distinct i.concurrency_key as key
              from gendurable.instances as i
              where i.id = any (p_ids) and i.concurrency_key is not null) as k
        where gendurable._lock_key(k.key));

    -- A new statement: its snapshot is younger than the locks.
    with slots as materialized (
        select k.key, l.most - (select count(*) from (select from gendurable.instances as e
                                                      where e.concurrency_key = k.key and e.phase = 'executing'
                                                      limit l.most) as x) as free
        from unnest(v_locked) as k (key)
        left join lateral (select x.max_executing from gendurable.concurrency_limits as x where x.name = split_part(k.key, ':', 1) limit 1) as c on true
        cross join lateral (select coalesce(c.max_executing, 1) as most) as l
    ), ranked as (
        select i.id, i.concurrency_key, i.rate_limit,
               row_number() over (partition by i.concurrency_key order by i.priority, i.eligible_at, i.id) as place
        from gendurable.instances as i
        where i.id = any (p_ids)
    ), judged as (
        select r.id, r.rate_limit, case when r.concurrency_key is null then true
                          else r.place <= s.free end as admitted
        from ranked as r
        left join slots as s on s.key = r.concurrency_key
    )
    select array_agg(j.id) filter (where j.admitted), array_agg(j.id) filter (where not j.admitted),
           array_agg(j.rate_limit) filter (where not j.admitted and j.rate_limit is not null)
    into v_ids, v_refused, v_rates
    from judged as j;

    if v_refused is not null then
        update gendurable.instances as i set phase = 'held' where i.id = any (v_refused);
    end if;
    if v_rates is not null then
        perform gendurable._ring(null, v_rates);    -- the tokens that were offered to them are for others
    end if;
    return coalesce(v_ids, '{}');
end
$$;
comment on function gendurable._admit(bigint[]) is 'Which of the given ready instances may be claimed; the others of a saturated key are held back.';
