-- Which of the candidates of a pick may be claimed as far as bytes go: as many of the most urgent
-- as fit into p_room, but always the first if p_first.
--
-- fit:       these, and how many bytes they take.
-- rest:      those for which there is no room.
-- too_large: those that no pick can hand out, because the mere list of their signals or children,
--            or what their row holds, is too long for an answer. They count for nothing.
-- Locks:  the caller holds the instances, and with them their inboxes. Writes: nothing.
-- Plan:   instances_pkey; signals_pkey and gendurable._weigh_children for those that have some.
create function gendurable._weigh(p_ids bigint[], p_room bigint, p_first boolean,
                                  out fit bigint[], out bytes bigint, out rest bigint[],
                                  out too_large bigint[])
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
    c_most constant bigint := gendurable._most_bytes();
begin
    with weighed as materialized (
        select i.id, i.priority, i.eligible_at,
               r.bytes > 8 * c_most or greatest(s.listed, c.bytes[1]) > c_most is true as never,
               r.bytes + least(coalesce(s.bytes, 0), c_most)
                         * case when i.awaits is null then 1 else 2 end
                       + least(coalesce(c.bytes[2], 0), c_most) as bytes
        from gendurable.instances as i
        cross join lateral (
            select gendurable._json_size(i.state) + gendurable._json_size(i.last_error) as bytes
            offset 0    -- sized once
        ) as r
        cross join lateral (
            select sum(gendurable._listed_size(x.name)) as listed,
                   sum(gendurable._listed_size(x.name, x.payload)) as bytes
            from gendurable.signals as x
            where i.signalled and x.inbox = gendurable._inbox_key(i.id, i.inbox)
        ) as s
        cross join lateral (
            select case when i.joined
                        then gendurable._weigh_children(i.id, i.round, i.duplicates) end as bytes
            offset 0
        ) as c
        where i.id = any (p_ids)
    ), placed as (
        select w.id, w.bytes, w.never,
               not w.never
               and (p_first and sum(case when w.never then 0 else 1 end) over turn = 1
                    or sum(case when w.never then 0 else w.bytes end) over turn <= p_room) as fits
        from weighed as w
        window turn as (order by w.priority, w.eligible_at, w.id rows unbounded preceding)
    )
    select coalesce(array_agg(p.id) filter (where p.fits), '{}'),
           coalesce(sum(p.bytes) filter (where p.fits), 0)::bigint,
           coalesce(array_agg(p.id) filter (where not p.fits and not p.never), '{}'),
           coalesce(array_agg(p.id) filter (where p.never), '{}')
    into fit, bytes, rest, too_large
    from placed as p;
end
$$;
comment on function gendurable._weigh(bigint[], bigint, boolean)
    is 'Which candidates a pick may claim as far as bytes go.';
