-- The phases in which entries are born, by ord. Of those with a concurrency key and no rate limit
-- as many are ready as slots seem to be free, the most urgent first; the others wait.
--
-- Locks: none. Writes: nothing. Plan: as gendurable._estimate_free_slots.
create function gendurable._birth_phases(p_entries gendurable.entry[], p_now timestamptz)
returns gendurable.phase[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = on
set enable_sort = on
set jit = off
as $$
begin
    return array(
        select case when row_number() over (partition by e.concurrency_key
                                            order by e.priority, e.eligible_at, e.ord) <= f.vacant
                         and e.rate_limit is null and e.eligible_at <= p_now
                         and coalesce(e.occupant = e.id, true)
                    then 'ready'
                    else gendurable._runnable(e.concurrency_key, e.rate_limit,
                                              e.eligible_at > p_now) end
        from unnest(p_entries) as e
        left join gendurable._estimate_free_slots(array(
            select distinct k.concurrency_key from unnest(p_entries) as k
            where k.concurrency_key is not null)) as f on f.key = e.concurrency_key
        order by e.ord);
end
$$;
comment on function gendurable._birth_phases(gendurable.entry[], timestamptz)
    is 'The phases in which entries are born, by ord.';
