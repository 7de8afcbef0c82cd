-- Forgets token buckets that are full again, for which no instance waits: one that is not there is
-- full. Answers how many; a thousand at most, those that were used longest ago first.
--
-- sweep x pick: the key's lock; a pick that is drawing from the bucket keeps it.
-- Locks:  keys by name, never waiting. Writes: buckets. Plan: buckets_refilled.
create function gendurable._sweep_buckets() returns int
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_keys  text[];
    v_swept int;
begin
    v_keys := array(
        select b.key
        from (select x.key from gendurable.buckets as x
              where x.due_at is null
                and exists (select from gendurable.rate_limits as l
                            where l.name = gendurable._policy(x.key) and l.allowed > 0)
              order by x.refilled_at limit 1000) as b
        where gendurable._lock_name('tokens', b.key));
    -- A new statement, younger than the locks.
    delete from gendurable.buckets as b
    using gendurable.rate_limits as l
    where b.key = any (v_keys) and l.name = gendurable._policy(b.key)
      and b.due_at is null and l.allowed > 0
      and gendurable._tokens(b.tokens, b.refilled_at, l.allowed, l.period, l.burst,
                             clock_timestamp()) >= l.burst;
    get diagnostics v_swept = row_count;
    return v_swept;
end
$$;
comment on function gendurable._sweep_buckets() is
    'Forgets token buckets that are full again; answers how many.';
