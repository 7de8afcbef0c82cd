-- Offers the tokens of rate limits to those that wait for them: the most urgent prefix of each line
-- that fits, and notes when the next one will.
--
-- An offer is only a place in the ready set; gd_pick draws the tokens, and counts again. An offer
-- that no pick has taken up is taken back for a more urgent instance. Of p_kinds, those that need
-- no slot are for the pick that calls: the first p_slots are answered, locked and as they are, and
-- it claims them at once; for the others the line is looked at again.
-- The line is that of the kinds that can start (gendurable._startable, or those of the pick). Each
-- other kind has a line of its own, which keeps no tokens from the others: what of it fits has its
-- offer when it can start.
-- The body is long because it is one statement: what moves, what is noted in the buckets and what
-- is looked at again follow from one look at the lines.
-- Locks:  keys by name, those that are free at once; instances that move, skipping locked ones
--         (their line is looked at again).
-- Writes: doorbells, buckets, instances, limit_trails, key_trails.
-- Plan:   doorbells_run, buckets_due from its floor on; as gendurable._of_keys for what was offered
--         and for the line, and _startable; instances_pkey, buckets_pkey.
create function gendurable._offer_tokens(p_kinds int[] default null, p_slots int default 0,
                                         out mine bigint[])
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
    -- So many offers of a line count; a less urgent instance would overtake those that do not.
    c_offers constant int := 1000;
    c_keys   constant int := 500;
    v_now    timestamptz := clock_timestamp();
    v_cap    timestamptz := gendurable._due_cap();
    v_floor  timestamptz;
    v_moves  boolean;
    v_noted  int;
    v_stuck  boolean;
    v_glance int;
    v_keys   text[];
    v_rings  tid[];
    v_ids    bigint[];
    v_back   bigint[];
    v_again  text[];
begin
    select r.keys, r.rings into v_keys, v_rings
    from gendurable._answerable_doorbells('tokens', c_keys) as r;
    select f.due, f.moves into v_floor, v_moves from gendurable._limit_floors() as f;
    v_keys := array(
        select unnest(v_keys)
        union
        select b.key
        from (select x.key from gendurable.buckets as x
              where x.due_at >= v_floor and x.due_at <= v_now
              order by x.due_at
              limit c_keys) as b
        where gendurable._lock_name('tokens', b.key));
    if v_keys = '{}' then
        return;
    end if;

    -- How far into a line one look goes. Five thousand of all lines together are a tenth of a
    -- second for the pick that looks; of a line that goes on there is more in the next one.
    v_glance := least(greatest(100, least(p_slots, 10000)),
                      greatest(10, greatest(5000, 2 * p_slots) / cardinality(v_keys)));
    with bucket as materialized (
        select k.key, b.*
        from unnest(v_keys) as k (key)
        cross join lateral gendurable._bucket(k.key, v_now) as b
    ), known as materialized (
        select array_agg(b.key) as keys from bucket as b where b.tokens is not null
    ), found as materialized (
        select x.*, false as waits
        from known as k
        cross join lateral gendurable._of_keys('tokens', k.keys, 'ready', c_offers) as x
        union all
        select x.*, true
        from known as k
        cross join lateral gendurable._of_keys('tokens', k.keys, 'throttled', v_glance) as x
    ), judged as materialized (
        -- Of all kinds that can start together no more counts than of one: the next of a kind may
        -- come before what was found of another one.
        select x.*, least(coalesce(x.weight, 1), 1e100) as load,
               row_number() over (partition by x.key, x.line, x.waits
                                  order by x.priority, x.eligible_at, x.id) as nth
        from (select f.*,
                     case when f.kind not in (select unnest(p_kinds))
                               and f.kind not in (
                                   select unnest(gendurable._startable(
                                       array(select distinct n.kind from found as n), v_now)))
                          then f.kind else 0 end as line
              from found as f) as x
    ), line as materialized (
        -- A more urgent newcomer gets the offer of a less urgent instance. (Weights are cut where
        -- no sum of them overflows: an error here would stop every pick.)
        select b.key, b.tokens, x.id, x.priority, x.eligible_at, x.waits, x.load as weight, x.line,
               x.nth,
               coalesce(x.kind = any (p_kinds) and x.concurrency_key is null, false) as own,
               sum(x.load) over (partition by b.key, x.line
                                 order by x.priority, x.eligible_at, x.id) as total,
               row_number() over (partition by b.key, x.line
                                  order by x.priority, x.eligible_at, x.id) as place
        from bucket as b
        join judged as x on x.key = b.key
        where x.nth <= case when x.waits then v_glance else c_offers end
    ), wanted as materialized (
        -- Those that are to move. For later ones of the pick's queue it has no slots: they wait for
        -- the next pick, unless it would have many lines to look at again, and never come to those
        -- beyond.
        select n.*,
               n.waits and n.own and cardinality(v_keys) <= greatest(p_slots / 10, 1)
               and row_number() over (partition by n.waits, n.own
                                      order by n.priority, n.eligible_at, n.id) > p_slots as later
        from line as n
        where n.waits = (n.total <= n.tokens)
    ), first as materialized (
        select i.id, n.waits, n.key, n.line, n.place, n.own
        from wanted as n
        cross join lateral (
            select x.id from gendurable.instances as x
            where x.id = n.id
            for no key update skip locked
        ) as i
        where not n.later
    ), halted as materialized (
        select distinct n.key, n.line
        from wanted as n
        where not n.later and n.waits and n.id not in (select x.id from first as x)
    ), moving as materialized (
        select f.* from first as f
        union all
        -- A line that stands still leaves slots to the others.
        select i.id, true, n.key, n.line, n.place, false
        from wanted as n
        cross join lateral (
            select x.id from gendurable.instances as x
            where x.id = n.id
            for no key update skip locked
        ) as i
        where n.later and exists (select from halted)
          and (n.key, n.line) not in (select h.key, h.line from halted as h)
    ), due as materialized (
        -- Of a kind that cannot start the first one alone: once it has its offer, what starts of it
        -- has the line looked at. A moment that differs only by the rounding is left as it is,
        -- until it comes.
        select k.*, x.at
        from bucket as k
        cross join lateral (
            select greatest(v_cap, min(gendurable._due_at(u.total, u.weight, k.tokens, k.allowed,
                                                          k.period, k.burst, v_now)))
                   -- (greatest ignores nulls)
                   + case when count(*) = 0 then null else interval '0' end as at
            from (select distinct on (n.line) n.total, n.weight, n.line, n.place
                  from line as n
                  where n.key = k.key and n.total > n.tokens
                  order by n.line, n.place) as u
            where u.line = 0 or u.place = 1
        ) as x
        where k.tokens is not null
          and not coalesce(k.due_at = x.at
                           or k.due_at > v_now and k.due_at > x.at - interval '1 ms'
                              and k.due_at < x.at + interval '1 ms',
                           k.due_at is null and x.at is null)
    ), noted as (
        -- what it holds follows from what is there
        insert into gendurable.buckets (key, seq, tokens, refilled_at, due_at, full_at)
        select d.key, gendurable._next_seq(d.seq, v_now), d.tokens, v_now, d.at,
               gendurable._full_at(d.tokens, d.allowed, d.period, d.burst, v_now, v_cap)
        from due as d
        returning 1
    ), replaced as (
        delete from gendurable.buckets as b
        where b.ctid = any (array(select d.place from due as d))
    ), stuck as materialized (
        -- The first of each line whose row another transaction holds for a moment: none overtakes
        -- it.
        select n.key, n.line, min(n.place) as place
        from wanted as n
        where n.waits and (not n.later or exists (select from halted))
          and n.id not in (select x.id from moving as x)
        group by n.key, n.line
    )
    select array_agg(m.id) filter (where m.waits and not m.own
                                         and (s.place is null or m.place < s.place)),
           array_agg(m.id) filter (where m.waits and m.own
                                         and (s.place is null or m.place < s.place)),
           array_agg(m.id) filter (where not m.waits),
           -- Look again where all that was looked at fits, where not all of it was taken, and where
           -- a line stands still.
           (select array_agg(x.key)
            from (select n.key from wanted as n where n.waits and (n.later or n.nth >= v_glance)
                  union
                  select k.key from stuck as k) as x),
           (select count(*)::int from noted), exists (select from stuck)
    into v_ids, mine, v_back, v_again, v_noted, v_stuck
    from moving as m
    left join stuck as s on s.key = m.key and s.line = m.line;

    if v_stuck or cardinality(v_keys) >= c_keys then
        perform gendurable._look_again();
    end if;
    perform gendurable._move_offers(v_ids, v_back);
    perform gendurable._move_key_trails('tokens', v_keys, v_ids || v_back);
    perform gendurable._clear_doorbells('tokens', v_rings, v_again);
    if v_moves or random() < v_noted / 500.0 then
        perform gendurable._move_limit_trail();
    end if;
end
$$;
comment on function gendurable._offer_tokens(int[], int)
    is 'Offers tokens of rate limits to the instances that wait for them.';
