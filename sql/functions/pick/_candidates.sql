-- The most urgent of some kinds for a pick: ready ones, which it locks, and those that tokens are
-- there for (p_offered, locked by gendurable._offer_tokens). Takes the locks of the names of their
-- keys.
--
-- p_most: how many. Those of p_seen, and those of names whose locks another transaction is known to
--         hold, are passed over.
-- Locks:  the instances, and the names of their keys; never waits, what another transaction
--         holds is skipped.
-- Writes: nothing.
-- Plan:   as gendurable._places; instances_ready from there on, in its order, so that the cost is
--         that of p_most; instances_pkey for p_offered.
create function gendurable._candidates(p_kinds int[], p_most int,
                                       p_offered bigint[], p_seen bigint[],
                                       p_not_keys text[], p_not_rates text[])
returns gendurable.candidates
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
    -- not spelled out: a literal would let instances_ready serve where rows are fetched by place
    c_ready  constant gendurable.phase := 'ready'::gendurable.phase;
    v_c      gendurable.candidates;
    v_far    gendurable.place[] := gendurable._places(p_kinds);
    v_first  gendurable.place;
    v_next   record;
    v_look   int := p_most;    -- how many it looks at next
    v_locked tid[] := array[]::tid[];
begin
    if cardinality(v_far) > 1 then
        v_far := gendurable._heads(v_far);
    end if;
    v_first := v_far[1];
    if cardinality(v_far) = 1 and v_first.until_at is null and v_first.until_id is null then
        select array_agg(c.id), array_agg(c.place), array_agg(c.id),
               bool_or(c.concurrency_key is not null), bool_or(c.rate_limit is not null),
               bool_or(c.listed) or sum(c.bytes) > gendurable._most_bytes(),
               array_agg(c.id) filter (where c.scoped), array_agg(c.id) filter (where c.awaited),
               null::text[], null::text[]
        into v_c
        from (select (gendurable._candidate(i, i.ctid)).*
              from gendurable.instances as i
              where i.phase = 'ready' and i.lane = v_first.lane
                and (i.priority, i.eligible_at, i.id)
                    >= (v_first.priority, v_first.at, v_first.id)
                and i.priority < coalesce(v_first.until_priority::bigint, 2147483648)
                and i.id <> all (p_seen)
                and (i.concurrency_key is null
                     or gendurable._policy(i.concurrency_key) <> all (p_not_keys))
                and (i.rate_limit is null
                     or gendurable._policy(i.rate_limit) <> all (p_not_rates))
              order by i.lane, i.priority, i.eligible_at, i.id
              limit p_most
              for no key update skip locked) as c;
        v_locked := coalesce(v_c.places, '{}');
    else
        while v_far <> '{}' loop
            if cardinality(v_far) <= 16
               and not exists (select from unnest(v_far) as p
                               where p.until_at is not null or p.until_id is not null) then
                v_next := gendurable._merged(v_far, v_look);
            else
                v_next := gendurable._nearest(v_far, v_look);
            end if;
            select array_agg(c.id), array_agg(c.place), array_agg(c.id),
                   bool_or(c.concurrency_key is not null), bool_or(c.rate_limit is not null),
                   bool_or(c.listed) or sum(c.bytes) > gendurable._most_bytes(),
                   array_agg(c.id) filter (where c.scoped),
                   array_agg(c.id) filter (where c.awaited), null::text[], null::text[]
            into v_c
            from (select (gendurable._candidate(i, i.ctid)).*
                  from gendurable.instances as i
                  where i.ctid = any (v_next.rows) and i.phase = c_ready and i.id <> all (p_seen)
                    and (i.concurrency_key is null
                         or gendurable._policy(i.concurrency_key) <> all (p_not_keys))
                    and (i.rate_limit is null
                         or gendurable._policy(i.rate_limit) <> all (p_not_rates))
                  order by i.priority, i.eligible_at, i.id
                  limit p_most - cardinality(v_locked)
                  for no key update skip locked) as c;
            v_locked := v_locked || v_c.places;
            exit when cardinality(v_locked) >= p_most or v_next.priority is null;
            v_far := gendurable._beyond(v_far, v_next.priority, v_next.at, v_next.id);
            -- Others may hold hundreds of them.
            v_look := greatest(p_most - cardinality(v_locked), 2 * least(v_look, 5000));
        end loop;
    end if;
    -- In most calls that is all.
    if cardinality(v_c.places) = cardinality(v_locked)
       and not (v_c.keyed or v_c.rated or p_offered is not null) then
        return v_c;
    end if;

    select array_agg(c.id), array_agg(c.place),
           array_agg(c.id) filter (where not c.busy_key and not c.busy_rate),
           bool_or(c.keyed), bool_or(c.rated),
           bool_or(c.listed) or sum(c.bytes) > gendurable._most_bytes(),
           array_agg(c.id) filter (where c.scoped), array_agg(c.id) filter (where c.awaited),
           array_agg(distinct c.name) filter (where c.busy_key),
           array_agg(distinct c.rate) filter (where c.busy_rate)
    into v_c
    from (select r.*, r.keyed and not gendurable._lock_name('slot', r.name) as busy_key,
                 r.rated and not gendurable._lock_name('tokens', r.rate) as busy_rate
          from (select x.*, x.concurrency_key is not null as keyed,
                       x.rate_limit is not null as rated,
                       gendurable._policy(x.concurrency_key) as name,
                       gendurable._policy(x.rate_limit) as rate
                from (select (gendurable._candidate(i, i.ctid)).*
                      from gendurable.instances as i
                      where i.ctid = any (v_locked)
                      union all
                      select (gendurable._candidate(i, i.ctid)).*
                      from gendurable.instances as i
                      where i.id = any (p_offered)) as x
                order by x.priority, x.eligible_at, x.id
                limit p_most) as r) as c;
    return v_c;
end
$$;
comment on function gendurable._candidates(int[], int, bigint[], bigint[], text[], text[])
    is 'The most urgent instances of some kinds, locked, for a pick.';
