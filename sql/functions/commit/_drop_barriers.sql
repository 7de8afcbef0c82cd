-- Deletes the barriers of parents that end while they wait for their children, given as the id and
-- the round of each.
--
-- Locks:  the caller has locked the parents.
-- Writes: countdowns.
-- Plan:   countdowns_pkey, the newest entry of each.
create function gendurable._drop_barriers(p_parents bigint[], p_rounds int[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
begin
    delete from gendurable.countdowns as d
    using unnest(p_parents, p_rounds) as p (id, round)
    cross join lateral (
        select x.pending from gendurable.countdowns as x
        where x.parent_id = p.id and x.round = p.round
        order by x.parent_id, x.round, x.pending limit 1
    ) as n
    where d.parent_id = p.id and d.round = p.round and d.pending = n.pending;
end
$$;
comment on function gendurable._drop_barriers(bigint[], int[])
    is 'Deletes the barriers of parents that end while they wait.';
