-- How many instances of concurrency keys stand in a phase: of each key no more than p_most are
-- counted. In no order, so it costs less than gendurable._of_keys.
--
-- A trail cuts the line of its key where its floors are. What came since its bound, or in a run
-- that is pending, is counted by its run, wherever it stands; the rest from floor to floor.
-- Locks: none. Writes: nothing.
-- Plan:  key_trails_pkey, one descent for each key; instances_keyed, one for each key and each
--        floor of it; instances_keyed_lately, one for each trail and each pending transaction.
create function gendurable._count_of_keys(p_keys text[], p_phase gendurable.phase, p_most int)
returns table (key text, found int)
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
    c_first  constant int := -2147483648;
    c_least  constant bigint := -9223372036854775808;
    v_trails gendurable.key_trails[];
    v_known  text[];
begin
    select array_agg(t), array_agg(t.key) into v_trails, v_known
    from unnest(p_keys) as k (key)
    cross join lateral gendurable._key_trail('slot', k.key) as t;

    return query
    select k.key,
           (select count(*)::int
            from (select from gendurable.instances as i
                  where i.concurrency_key = k.key
                    and i.phase in ('ready', 'held') and i.phase = p_phase
                  limit p_most) as x)
    from unnest(p_keys) as k (key)
    where v_known is null or k.key not in (select unnest(v_known));
    if v_trails is null then
        return;
    end if;

    return query
    select t.key,
           (select count(*)::int
            from ((select from gendurable.instances as i
                   where i.concurrency_key = t.key
                     and i.phase < 'executing' and i.phase = p_phase and i.entered >= t.bound
                   limit p_most)
                  union all
                  (select from (select distinct gendurable._run(x) as run
                                from unnest(t.pending) as x) as p
                   join gendurable.instances as i
                       on i.concurrency_key = t.key
                      and i.phase < 'executing' and i.phase = p_phase and i.entered = p.run
                   where p.run < t.bound
                   limit p_most)
                  union all
                  -- Each part ends where the next floor's line begins.
                  (select from (select -1 as kind, c_first as priority,
                                       timestamptz '-infinity' as at, c_least as id
                                union all
                                select f.kind, f.priority, f.at, f.id from unnest(t.floors) as f
                                where f.phase = p_phase) as f
                   cross join lateral (
                       select coalesce(min(n.kind), 8388608) as kind
                       from unnest(t.floors) as n
                       where n.phase = p_phase and (n.kind, n.priority) > (f.kind, f.priority)
                   ) as u
                   cross join lateral (
                       select coalesce(min(n.priority), c_first) as priority
                       from unnest(t.floors) as n
                       where n.phase = p_phase and n.kind = u.kind
                         and (n.kind, n.priority) > (f.kind, f.priority)
                   ) as v
                   join gendurable.instances as i
                       on i.concurrency_key = t.key
                      and i.phase in ('ready', 'held') and i.phase = p_phase
                      and ((i.lane >> 40), i.priority, i.eligible_at, i.id)
                          >= (f.kind::bigint, f.priority, f.at, f.id)
                      and ((i.lane >> 40), i.priority) < (u.kind::bigint, v.priority)
                   where coalesce(i.entered, 0) < t.bound
                     and coalesce(i.entered, 0) <> all (array(
                         select gendurable._run(x) from unnest(t.pending) as x))
                   limit p_most)
                  limit p_most) as x)
    from unnest(v_trails) as t (sort, key, seq, xid, moved_at, next, floors, bound, pending);
end
$$;
comment on function gendurable._count_of_keys(text[], gendurable.phase, int)
    is 'How many instances of concurrency keys stand in a phase, up to a number.';
