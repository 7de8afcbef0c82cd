-- Forgets token buckets that are full again, for which no instance waits: one that is not there is
-- full. Answers how many; a thousand at most. One that is not full yet is noted for later.
--
-- sweep x pick: the key's lock; a pick that is drawing from the bucket keeps it.
-- Locks:  keys by name, never waiting. Writes: buckets, limit_trails.
-- Plan:   buckets_full from its floor on; buckets_pkey.
create function gendurable._sweep_buckets() returns int
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_now   timestamptz := clock_timestamp();
    v_cap   timestamptz := gendurable._due_cap();
    v_floor timestamptz;
    v_moves boolean;
    v_keys  text[];
    v_seen  int;
    v_swept int;
begin
    select f."full", f.moves into v_floor, v_moves from gendurable._limit_floors() as f;
    v_keys := array(
        select b.key
        from (select x.key from gendurable.buckets as x
              where x.due_at is null
                and x.full_at >= v_floor and x.full_at <= v_now
              order by x.full_at limit 1000) as b
        where gendurable._lock_name('tokens', b.key));
    -- A new statement, younger than the locks.
    v_now := clock_timestamp();
    with seen as materialized (
        select k.key, b.*, coalesce(b.allowed > 0 and b.tokens >= b.burst, true) as swept
        from (select distinct x as key from unnest(v_keys) as x) as k
        cross join lateral gendurable._bucket(k.key, v_now) as b
        where b.place is not null and b.due_at is null
    ), noted as (
        insert into gendurable.buckets (key, seq, tokens, refilled_at, full_at)
        select s.key, gendurable._next_seq(s.seq, v_now), s.tokens, v_now,
               gendurable._full_at(s.tokens, s.allowed, s.period, s.burst, v_now, v_cap)
        from seen as s
        where not s.swept
    ), replaced as (
        delete from gendurable.buckets as b
        where b.ctid = any (array(select s.place from seen as s))
    )
    select count(*)::int, (count(*) filter (where s.swept))::int into v_seen, v_swept
    from seen as s;
    if v_moves or random() < v_seen / 500.0 then
        perform gendurable._move_limit_trail();
    end if;
    return v_swept;
end
$$;
comment on function gendurable._sweep_buckets() is
    'Forgets token buckets that are full again; answers how many.';
