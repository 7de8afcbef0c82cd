-- Goes on with the children of rounds that are over and that could not be cancelled at once
-- (gendurable._dismiss). Answers how many it cancelled: as long as that is some, more may be left
-- that can be cancelled.
--
-- Locks:  dismissals and the children, skipping locked ones. Writes: as gendurable._dismiss.
-- Plan:   dismissals_pkey, a few rows; as gendurable._dismiss.
create function gendurable._dismiss_rest() returns int
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
    v_parents bigint[];
    v_rounds  int[];
    v_after   int[];
begin
    with taken as (
        delete from gendurable.dismissals as d
        using (select x.parent_id, x.round from gendurable.dismissals as x
               order by x.parent_id, x.round limit 1000
               for update skip locked) as t
        where d.parent_id = t.parent_id and d.round = t.round
        returning d.parent_id, d.round, d.after
    )
    select array_agg(t.parent_id), array_agg(t.round), array_agg(t.after)
    into v_parents, v_rounds, v_after
    from taken as t;
    return gendurable._dismiss(v_parents, v_rounds, v_after);
end
$$;
comment on function gendurable._dismiss_rest()
    is 'Cancels children of rounds that are over which could not be cancelled at once.';
